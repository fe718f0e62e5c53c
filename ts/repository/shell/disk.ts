/**
 * The disk of a node: the engine of its folder, what the folder remembers of the branch, and what a machine asks of the
 * two. What must hold: the file with the position is written after the records before it are durable, and says that the
 * folder holds nothing before anything of it is removed.
 *
 * @module
 */

import { setImmediate } from 'node:timers/promises';
import { CoppiceError, closed } from '../../errors.js';
import type { Replication } from '../../native/types.js';
import type { Answer, Flushed, Manifest, Request } from '../protocol/index.js';
import { ORIGIN } from '../protocol/index.js';
import { sha256Of } from './digest.js';
import type { Downloads } from './download.js';
import type { EngineFolder, OpenEngine } from './engine.js';
import { holdsOthers } from './others.js';
import { Pinned } from './pinned.js';
import type { Place, Reached } from './place.js';

/** Fills some tens of milliseconds of a line. A record that is larger has a slot of its own. */
const SLOT_BYTES = 8 << 20;
/** A position that is not written at once is written after so long: what lies between is read again after a crash. */
const REMEMBER_MS = 1_000;

/** The folder has been emptied, because what it held is no part of the branch. */
export const LOST = Symbol('lost');

export class Disk {
  readonly pinned = new Pinned();
  readonly #folder: EngineFolder;
  readonly #place: Place;
  readonly #downloads: Downloads;
  /** Whether anybody waits for commits to be in the store. */
  readonly #isAwaited: () => boolean;
  #engine: OpenEngine | undefined;
  #opening: Promise<OpenEngine> | undefined;
  /** The last change of the folder, under an engine that is shut. */
  #changed: Promise<unknown> = Promise.resolve();
  #closed = false;
  /** Of which branch it is what has been read here. */
  #branchId: string | undefined;
  /** Reached and not written yet. */
  #reached: Reached | undefined;
  /** The same, where that has to be written before anything is added to what the folder holds. */
  #owed: Reached | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** What has been begun is done before the folder is anybody else's. */
  readonly #work = new Set<Promise<unknown>>();

  constructor(folder: EngineFolder, place: Place, downloads: Downloads, isAwaited: () => boolean) {
    this.#folder = folder;
    this.#place = place;
    this.#downloads = downloads;
    this.#isAwaited = isAwaited;
    this.#branchId = place.remembered.local?.branchId;
  }

  /** The engine, opened if it is not, and if nothing changes the folder. */
  open(): Promise<OpenEngine> {
    if (this.#engine !== undefined) return Promise.resolve(this.#engine);
    if (this.#closed) return Promise.reject(closed('database'));
    this.#opening ??= this.#changed
      .then(() => this.#open())
      .finally(() => {
        this.#opening = undefined;
      });
    return this.#opening;
  }

  async #open(): Promise<OpenEngine> {
    const engine = await this.#folder.open();
    this.#engine = engine;
    const { local } = this.#place.remembered;
    if (local !== null) {
      await engine.replication.keepLog(local.position.seq);
      engine.replication.raise(local.position.revision);
    }
    return engine;
  }

  /** All there is, in tables that are kept while they may be read. Of a database that belongs to no branch yet. */
  async whole(): Promise<Flushed> {
    const { replication } = await this.open();
    replication.raise(Number.MAX_SAFE_INTEGER);
    return this.pinned.hold(await replication.flush());
  }

  get replication(): Replication | undefined {
    return this.#engine?.replication;
  }

  /** The answer to a request of the engine; `LOST` if the folder had to be emptied. */
  carry(request: Request, branchId: string): Promise<Answer | typeof LOST> {
    const work = this.#carry(request, branchId).catch((error) => this.#closedBeneath(error));
    const forget = () => this.#work.delete(work);
    this.#work.add(work);
    work.then(forget, forget);
    return work;
  }

  /** Who cuts or empties the folder closes the engine first, also beneath a flush. The machine has no use for that then. */
  async #closedBeneath(error: unknown): Promise<Answer> {
    if (this.#closed || !(error instanceof CoppiceError) || error.code !== 'COPPICE_CLOSED') throw error;
    // It would be asked for again before that is done.
    await this.#changed;
    return { type: 'unknown', why: 'the engine was closed meanwhile' };
  }

  async #carry(request: Request, branchId: string): Promise<Answer | typeof LOST> {
    switch (request.type) {
      case 'read log':
        return this.#read(request.after);
      case 'flush':
        return this.#flush({ branchId, position: request.position });
      case 'apply':
        return this.#apply(request, branchId);
      case 'remember':
        return this.#begin({ branchId, position: request.position }, request.forCommits);
      case 'cut':
        return this.#cut({ branchId, position: request.position });
      case 'install':
        return this.#install(request.manifest, { branchId, position: request.position });
      default:
        return { type: 'unknown', why: `no disk can ${request.type}` };
    }
  }

  /** The records before it are durable. It is written down a little later. */
  reach(local: Reached): void {
    this.#engine?.replication.raise(local.position.revision);
    this.#reached = local;
    this.#timer ??= setTimeout(() => {
      // If it cannot be written, what lies between is read again.
      this.#rememberReached().catch(() => {});
    }, REMEMBER_MS).unref();
  }

  /**
   * The same, and at the latest before anything comes after it. Without it a disk that stopped there would begin from before,
   * and take what came after for something to be taken back, or away. One that holds nothing for certain would begin anew.
   */
  #owe(local: Reached): void {
    this.#owed = this.#place.holdsNothing ? undefined : local;
    this.reach(local);
  }

  /** The same, at once. */
  async #remember(local: Reached): Promise<void> {
    this.#reached = local;
    await this.#rememberReached();
    this.#owed = undefined;
  }

  /** Empties the folder: it holds something else than the branch. */
  lose(): Promise<void> {
    return this.#change(() => this.#clear());
  }

  /** Nobody asks anything any more. Afterwards nothing touches the folder. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#work);
    // If it cannot be written, what lies between is read again.
    await this.#rememberReached().catch(() => {});
    this.#closed = true;
    await this.#change(() => Promise.resolve()).finally(() => this.#place.settled());
  }

  /** Shuts the engine and changes the folder. Whoever opens it meanwhile waits: it would hold on to what is changed. */
  #change<T>(change: () => Promise<T>): Promise<T> {
    const before = (this.#opening ?? this.#changed).catch(() => {});
    const changed = before.then(() => this.#shut()).then(change);
    this.#changed = changed.catch(() => {});
    return changed;
  }

  async #clear(): Promise<void> {
    await this.#place.forget();
    await this.#folder.clear();
  }

  async #shut(): Promise<void> {
    this.#forgetReached();
    this.#owed = undefined;
    this.pinned.release();
    const engine = this.#engine;
    this.#engine = undefined;
    engine?.replication.onLogged(undefined);
    await engine?.close();
  }

  async #rememberReached(): Promise<void> {
    const reached = this.#reached;
    const engine = this.#engine;
    this.#forgetReached();
    if (reached === undefined) return;
    // What was applied is synced here, once, and not slot by slot.
    const { replication } = engine ?? {};
    if (replication !== undefined && replication.durableSeq < reached.position.seq) await replication.sync();
    await this.#place.reach(reached);
    if (engine === this.#engine) await engine?.replication.keepLog(reached.position.seq);
  }

  #forgetReached(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#reached = undefined;
  }

  async #read(after: number): Promise<Answer> {
    const { replication } = await this.open();
    // Whoever was told of the slot before has had its turn then: what it wrote next shares this slot, instead of one more
    // slot after this. If it cannot be synced, what is durable is read all the same. A sync for nobody would keep those
    // waiting who only wait for this disk.
    await setImmediate();
    if (this.#isAwaited() && replication.lastSeq > replication.durableSeq) await replication.sync().catch(() => {});
    const found = await replication.readLog(after, SLOT_BYTES);
    if (found === undefined) return { type: 'unknown', why: 'nothing is on the disk yet' };
    const { first, last, revision, timeMs, body } = found;
    return { type: 'records', records: { first, last, revision, timeMs, body, sha256: await sha256Of(body) } };
  }

  async #begin(local: Reached, forCommits: boolean): Promise<Answer> {
    const { replication } = await this.open();
    replication.raise(local.position.revision);
    if (forCommits) await this.#remember(local);
    else {
      this.#owe(local);
      // It has to be, before commits are accepted; until then there is more to ask of the store.
      replication.sync().catch(() => {});
    }
    return { type: 'done' };
  }

  async #flush(local: Reached): Promise<Answer> {
    const { replication } = await this.open();
    await this.#remember(local);
    return { type: 'flushed', flushed: this.pinned.hold(await replication.flush()) };
  }

  async #apply(
    { records, position, until }: Request & { type: 'apply' },
    branchId: string,
  ): Promise<Answer | typeof LOST> {
    const { replication } = await this.open();
    if (await holdsOthers(replication, records)) {
      await this.lose();
      return LOST;
    }
    if (this.#owed !== undefined) await this.#remember(this.#owed);
    const held = await replication.apply(records.body as Uint8Array, until);
    if (position !== null) this.reach({ branchId, position });
    return { type: 'applied', ...held };
  }

  async #cut(local: Reached): Promise<Answer | typeof LOST> {
    const { replication } = await this.open();
    replication.lead(false);
    const { seq } = local.position;
    if (replication.lastSeq <= seq) {
      this.#owe(local);
      return { type: 'done' };
    }
    const isCut = await this.#change(async () => {
      const done = await this.#folder.cut(seq);
      if (!done) await this.#clear();
      return done;
    });
    if (!isCut) return LOST;
    await this.#remember(local);
    return { type: 'done' };
  }

  async #install(manifest: Manifest | null, local: Reached): Promise<Answer> {
    const engine = manifest?.engine as string;
    const files = manifest === null ? [] : this.#folder.filesOf(engine);
    if (manifest !== null && !(await this.#downloads.fetch(manifest, files))) return { type: 'missing' };
    await this.#change(async () => {
      await this.#place.clear();
      await this.#folder.clear(this.#branchId !== undefined && this.#branchId !== local.branchId);
      this.#branchId = local.branchId;
      if (manifest === null) return;
      await this.#downloads.take(files);
      await this.#folder.install(engine);
    });
    const { replication } = await this.open();
    // Of what is older than its checkpoint a database does not have all.
    replication.raise((manifest ?? ORIGIN).revision);
    this.#owe(local);
    return { type: 'done' };
  }
}
