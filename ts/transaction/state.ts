/**
 * What all handles of one transaction share: where it stands, what it has read and written, and how it ends.
 *
 * @module
 */

import { type Encoded, kept } from '../encoding/index.js';
import { CoppiceError, closed } from '../errors.js';
import type { Handle } from '../handle.js';
import type { Keyspace } from '../keyspace.js';
import type { Decode, Engine, FoundEntry, Later, Refusal, Rows, Slab } from '../native/types.js';
import type { Span } from '../options/range.js';
import { Pin } from '../pin.js';
import type { Commit } from '../write-queue.js';
import { type BeforeImages, beforeImages } from './before.js';
import type { TransactionChunks } from './chunks.js';
import { Guards, refused } from './guards.js';
import type { Settings } from './options.js';
import { Writes } from './writes.js';

/** Keys that are not as they were, by their stored bytes, one character each, and the revisions found. */
export interface Lost {
  ok: false;
  keys: ReadonlyMap<string, number | null>;
  revision: number;
}

/** An entry as the snapshot has it. */
type Found = FoundEntry<string | Buffer>;

export class State {
  readonly handle: Handle;
  readonly settings: Settings;
  readonly pin: Pin;
  readonly readRevision: number;
  readonly writes: Writes;
  /** Ranges that may not have told all that they have read. */
  readonly ranges = new Set<TransactionChunks>();
  readonly #guards = new Guards();
  /** Reads that wait for the disk. */
  readonly #reading = new Set<Promise<unknown>>();
  #status: 'open' | 'committing' | 'committed' | 'ended' = 'open';
  /** The keyspaces of its handles. */
  readonly #spaces = new Map<string, Keyspace<unknown, unknown>>();
  #before: BeforeImages | undefined;

  constructor(handle: Handle, settings: Settings, writes = new Writes()) {
    const engine = handle.live();
    const number = engine.snapshot();
    this.handle = handle;
    this.settings = settings;
    this.writes = writes;
    this.pin = new Pin(handle, number);
    this.readRevision = engine.snapshotRevision(number);
  }

  /** A handle reads and writes the keys of this keyspace. */
  uses(space: Keyspace<unknown, unknown>): void {
    this.#spaces.set(space.prefix, space);
  }

  /** The keyspace that a stored key is of: the innermost that is used. */
  spaceOf(key: Buffer): Keyspace<unknown, unknown> {
    const holds = (space: Keyspace<unknown, unknown>) =>
      key.toString('latin1', 0, space.prefix.length) === space.prefix;
    const holding = [...this.#spaces.values()].filter(holds);
    return holding.reduce((inner, space) => (space.prefix.length > inner.prefix.length ? space : inner));
  }

  get isOpen(): boolean {
    return this.#status === 'open';
  }

  /** The engine, for one call of a transaction that has not ended. */
  live(): Engine {
    if (this.#status !== 'open') throw closed('transaction');
    return this.handle.live();
  }

  /** The entry of a key that the transaction has not written itself, in the snapshot. */
  entry(key: Encoded, form: Decode): Later<Found | undefined> {
    const found = this.live().entry(key, form, this.pin.number());
    if (!(found instanceof Promise)) return this.#saw(key, found);
    // Who gave the key may change it while this waits.
    const own = kept(key);
    return this.#awaited(found.then((found) => this.#saw(own, found)));
  }

  /** As `entry`, but without its value. */
  async row(key: Encoded): Promise<Found | undefined> {
    const rows = this.#rowsOf(key, undefined);
    const own = kept(key);
    let count = rows.next(1, false);
    if (count === 0 && rows.cold) count = await this.#awaited(rows.warm().then(() => rows.next(1, false)));
    return this.#saw(own, rowOf(rows, count, undefined, this.handle.history));
  }

  /** As `entry`; reads the disk on this thread. */
  rowSync(key: Encoded, form: Decode): Found | undefined {
    const rows = this.#rowsOf(key, form);
    return this.#saw(key, rowOf(rows, rows.next(1, true), form, this.handle.history));
  }

  /** A row of the snapshot was given out: an entry that expires by itself is guarded by itself. */
  sawRow(rows: Rows, i: number): void {
    const expiresAtMs = rows.expiresAtMs(i);
    if (expiresAtMs === undefined || !this.settings.isSerializable) return;
    this.#guards.key(rows.key(i), { revision: rows.revision(i), expiresAtMs });
  }

  sawRange(span: Span): void {
    const isAlive = this.#status === 'open' || this.#status === 'committing';
    if (this.settings.isSerializable && isAlive) this.#guards.range(span);
  }

  /** Writes everything as one commit. Whatever comes of it, this is the end, but for what `beforeImages` has kept. */
  async commit(): Promise<Commit | Lost> {
    this.live();
    this.#status = 'committing';
    try {
      if (this.#reading.size > 0) await Promise.allSettled(this.#reading);
      const answer = await this.#commit();
      if (answer.ok) this.#status = 'committed';
      return answer;
    } finally {
      if (this.#status === 'committing') this.#status = 'ended';
      this.#letGo();
    }
  }

  /** Before the commit: discards everything. After it: restores what was, or says what has changed since. */
  async rollback(): Promise<Lost | undefined> {
    if (this.#status === 'open') this.release();
    if (this.#status === 'ended') return undefined;
    if (this.#status !== 'committed') throw closed('transaction');
    if (this.writes.isEmpty) return undefined;
    if (this.#before === undefined) {
      throw new CoppiceError(
        'INVALID',
        'what the transaction has overwritten is not kept: begin it with beforeImages: true',
        {
          details: { option: 'beforeImages' },
        },
      );
    }
    const before = this.#before;
    const nowMs = this.handle.live().nowMs;
    this.#before = undefined;
    try {
      const answer = await this.#write((slab) => before.pack(slab, nowMs));
      if (answer.ok) this.#status = 'ended';
      else this.#before = before;
      return answer.ok ? undefined : answer;
    } catch (error) {
      this.#before = before;
      throw error;
    }
  }

  /** Forgets everything; what was committed stays. Harmless twice. */
  release(): void {
    this.#before = undefined;
    if (this.#status !== 'open') return;
    this.#status = 'ended';
    this.#letGo();
  }

  async #commit(): Promise<Commit | Lost> {
    for (const range of this.ranges) range.settle();
    const { writes, settings } = this;
    if (writes.isEmpty) return { ok: true, revision: this.readRevision };
    const view = writes.view();
    const before = settings.keepsBefore ? await beforeImages(this, view, this.#guards) : undefined;
    if (!settings.isSerializable) {
      for (const part of view.deleted) this.#guards.range(part);
      for (const { key } of view.own) this.#guards.range({ lower: key, upper: Buffer.concat([key, Buffer.alloc(1)]) });
    }
    const answer = await this.#write((slab) => {
      writes.pack(slab);
      return this.#guards.pack(slab, this.readRevision);
    });
    if (answer.ok) before?.committed(answer.revision);
    if (answer.ok) this.#before = before;
    return answer;
  }

  /** `pack` fills a slab and answers the keys of its guards. */
  async #write(pack: (slab: Slab) => (string | undefined)[]): Promise<Commit | Lost> {
    const { durability, signal } = this.settings;
    const { writes } = this.handle;
    const slab = writes.takeSlab();
    let names: (string | undefined)[];
    try {
      names = pack(slab);
    } catch (error) {
      writes.giveBack(slab);
      throw error;
    }
    const answer = await writes.commit(slab, durability, signal);
    return 'ok' in answer ? answer : this.#lost(answer, names);
  }

  async #lost(refusal: Refusal, names: readonly (string | undefined)[]): Promise<Lost> {
    // What it has lost to may not be in the store yet, and nobody is told of it, nor begins again without it, before it is.
    await this.handle.visible(refusal.revision);
    return { ok: false, keys: refused(refusal, names), revision: refusal.revision };
  }

  #saw(key: Encoded, found: Found | undefined): Found | undefined {
    if (this.settings.isSerializable) this.#guards.key(key, found);
    return found;
  }

  #rowsOf(key: Encoded, values: Decode | undefined): Rows {
    const bounds = { lower: key, lowerInclusive: true, upper: key, upperInclusive: true };
    return this.live().rows({
      ...bounds,
      values,
      details: true,
      versions: this.handle.history,
      snapshot: this.pin.number(),
      limit: 1,
    });
  }

  #awaited<T>(read: Promise<T>): Promise<T> {
    const forget = () => this.#reading.delete(read);
    this.#reading.add(read);
    read.then(forget, forget);
    return read;
  }

  #letGo(): void {
    for (const range of this.ranges) range.close();
    this.ranges.clear();
    this.pin.release();
  }
}

/** The row of rows that hold one at most, which are closed. */
function rowOf(rows: Rows, count: number, form: Decode | undefined, versions: boolean): Found | undefined {
  rows.close();
  if (count === 0) return undefined;
  return {
    value: form === undefined ? '' : rows.value(0),
    revision: rows.revision(0),
    expiresAtMs: rows.expiresAtMs(0),
    createRevision: versions ? rows.createRevision(0) : 0,
    version: versions ? rows.version(0) : 0,
  };
}
