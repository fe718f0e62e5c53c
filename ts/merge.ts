/**
 * Three-way merge: what one database has changed since a common state is brought into another. A key that both have
 * changed, and not to the same, is a conflict.
 *
 * What must hold: nothing is written of a merge with conflicts that nobody has decided, and no write that comes in between is
 * lost: each key is written on the condition that it is what was looked at.
 *
 * @module
 */

import type { Batch } from './batch.js';
import { bytesOf, type Codec, keyCodec, valueCodec } from './encoding/index.js';
import { CoppiceError, invalid } from './errors.js';
import { type Entry, Keyspace } from './keyspace.js';
import { boolean, checkNames, fn, names } from './options/check.js';
import { KEY_RANGE, type KeyRange } from './options/range.js';
import type { Expiry, WriteOptions } from './options/write.js';
import { type Parts, Reader } from './reader.js';
import type { Progress } from './upkeep.js';
import type { Commit } from './write-queue.js';
import { Writer } from './writer.js';

/** A key that both sides have changed, each to something else. What is absent was not there, or is not any more. */
export interface MergeConflict<K, V> {
  key: K;
  base?: Entry<K, V>;
  ours?: Entry<K, V>;
  theirs?: Entry<K, V>;
}

/** What becomes of a key in conflict. */
export type Resolution<V> = 'ours' | 'theirs' | ({ type: 'put'; value: V } & Expiry) | { type: 'del' };

/** Decides a conflict; asked again if the key is changed meanwhile. */
export type Resolve<K, V> = Resolver<K, V>['resolve'];

/**
 * The type of a method, so that any database passes for one of unknown keys and values.
 */
interface Resolver<K, V> {
  resolve(conflict: MergeConflict<K, V>): Resolution<V> | Promise<Resolution<V>>;
}

export interface MergeOptions<K, V> extends KeyRange<K>, WriteOptions {
  /** The state that both began with: a snapshot or an open database; a revision of the one that is merged into, with history. */
  base: Reader<unknown, unknown> | number | bigint;
  /** What becomes of conflicts. Default `report`: if there are any, they are the answer, and nothing is written. */
  conflicts?: 'report' | 'ours' | 'theirs' | Resolve<K, V>;
  /**
   * In several commits of about 8 MiB, each whole, where one cannot hold all of it (32 MiB). A merge that was interrupted goes
   * on where it was when it is made again. Default false: one commit, or `COPPICE_TOO_LARGE`.
   */
  steps?: boolean;
  /** Looks at what would be merged, and writes nothing. Default false. */
  dryRun?: boolean;
  /** Called now and then with how many keys were looked at. */
  onProgress?: (progress: Progress) => void;
}

/** A merge that was made, or, in a dry run, that would be: then of no commits. */
export interface Merged extends Commit {
  /** Keys that were, or would be, written. */
  changes: number;
  /** Conflicts that were decided, whichever way. */
  resolved: number;
  commits: number;
}

/** A merge that was not made. */
export interface Unmerged<K, V> {
  ok: false;
  /** In the order of their keys. */
  conflicts: MergeConflict<K, V>[];
  /** Keys that would be written without a conflict. */
  changes: number;
}

const MERGE = names('a merge', [
  ...KEY_RANGE,
  'durability',
  'signal',
  'base',
  'conflicts',
  'steps',
  'dryRun',
  'onProgress',
]);

/** The two sides in bytes, so that nothing is changed by being decoded and encoded. */
interface Sides<K, V> {
  readonly ours: Writer<Buffer, Buffer>;
  /** It stands still. */
  readonly theirs: Reader<Buffer, Buffer>;
  readonly range: KeyRange<Buffer>;
  /** What the call decodes conflicts by. */
  readonly space: Keyspace<K, V>;
}

/** See `Database.merge`. */
export async function merge<K, V>(
  { handle, space, pin }: Parts<K, V>,
  from: Reader<unknown, unknown>,
  options: MergeOptions<K, V>,
): Promise<Merged | Unmerged<K, V>> {
  if (!(from instanceof Reader)) throw invalid('what is merged', 'an open database, or a snapshot of one', from);
  checkNames(options, MERGE);
  if (options.base === undefined) throw invalid('base', 'a snapshot, a database or a revision', undefined);
  const bytes = new Keyspace(keyCodec('buffer') as Codec<Buffer>, valueCodec('buffer') as Codec<Buffer>, space.prefix);
  const range: KeyRange<Buffer> = {};
  for (const bound of KEY_RANGE as (keyof KeyRange<K>)[]) {
    const key = options[bound];
    if (key !== undefined) range[bound] = bytesOf(space.keys.encode(key as K, bound));
  }
  const theirs = Reader.still(from, bytes);
  const sides = { ours: new Writer(handle, bytes, pin), theirs: theirs.reader, range, space };
  try {
    return await new Merge(sides, options, handle.live().revision).run();
  } finally {
    theirs.release();
  }
}

/** A conflict in bytes. */
export type Raw = MergeConflict<Buffer, Buffer>;
type Found = Entry<Buffer, Buffer> | undefined;
/** Undefined: a delete. */
type Wanted = ({ readonly value: Buffer } & Expiry) | undefined;

/** After a commit may be this long the next one begins. */
const STEP_BYTES = 8 << 20;
/** Somebody else writes to the same keys all the time. */
const ATTEMPTS_MAX = 100;
/** So many keys are looked at between two calls of `onProgress`. */
const KEYS_PER_CALL = 1_000;

class Merge<K, V> {
  readonly #sides: Sides<K, V>;
  readonly #base: MergeOptions<K, V>['base'];
  readonly #resolve: Resolve<K, V> | undefined;
  readonly #steps: boolean;
  readonly #isDry: boolean;
  readonly #onProgress: MergeOptions<K, V>['onProgress'];
  readonly #write: WriteOptions;
  #commit: Commit;
  #changes = 0;
  #commits = 0;

  constructor(sides: Sides<K, V>, options: MergeOptions<K, V>, newest: number) {
    const { conflicts = 'report', steps, dryRun, onProgress, durability, signal } = options;
    this.#sides = sides;
    this.#base = options.base;
    this.#resolve = resolveOf(conflicts);
    this.#steps = boolean(steps, 'steps', false);
    this.#isDry = boolean(dryRun, 'dryRun', false);
    this.#onProgress = onProgress === undefined ? undefined : fn(onProgress, 'onProgress');
    this.#write = { ...(durability !== undefined && { durability }), ...(signal !== undefined && { signal }) };
    this.#commit = { ok: true, revision: newest };
  }

  async run(): Promise<Merged | Unmerged<K, V>> {
    if (this.#isDry || (this.#steps && this.#resolve === undefined)) {
      const { isWhole, resolved, ...found } = await this.#pass(false);
      if (found.conflicts.length > 0) return found;
      if (this.#isDry) return { ...this.#commit, changes: found.changes, resolved, commits: 0 };
    }
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const { isWhole, resolved, ...unmerged } = await this.#pass(true);
      if (unmerged.conflicts.length > 0) return unmerged;
      if (isWhole) return { ...this.#commit, changes: this.#changes, resolved, commits: this.#commits };
    }
    throw new CoppiceError('CONFLICT', `what is merged was changed ${ATTEMPTS_MAX} times meanwhile: try again`);
  }

  /** Looks at every change of theirs, and writes what is to be written; not whole if something was changed meanwhile. */
  async #pass(writes: boolean) {
    const { ours, theirs, range } = this.#sides;
    const found = { ok: false as const, conflicts: [] as MergeConflict<K, V>[], changes: 0 };
    let [resolved, keys] = [0, 0];
    let batch = ours.batch();
    try {
      for await (const { key, before, after } of theirs.diff(this.#base, { ...range, ...this.#listening() })) {
        keys += 1;
        if (keys % KEYS_PER_CALL === 0) this.#onProgress?.({ phase: 'merge', done: keys, total: 0, unit: 'keys' });
        const here = await ours.getEntry(key);
        if (isSame(here, after)) continue;
        let wanted: Wanted | null = after;
        if (!isSame(here, before)) {
          const conflict = conflictOf(key, before, here, after);
          if (this.#resolve === undefined) {
            found.conflicts.push(this.#shown(conflict));
            continue;
          }
          resolved++;
          wanted = this.#decided(conflict, await this.#resolve(this.#shown(conflict)));
          if (wanted === null) continue;
        }
        found.changes++;
        if (!writes || found.conflicts.length > 0) continue;
        add(batch, key, here, wanted);
        if (!this.#steps || batch.bytes < STEP_BYTES) continue;
        if (!(await this.#wrote(batch))) return { ...found, resolved, isWhole: false };
        batch = ours.batch();
      }
      const isDone = !writes || found.conflicts.length > 0 || batch.length === 0;
      return { ...found, resolved, isWhole: isDone || (await this.#wrote(batch)) };
    } catch (error) {
      throw this.#steps ? error : explained(error);
    } finally {
      batch.close();
    }
  }

  /** A conflict as the caller sees it. */
  #shown({ key: raw, base, ours, theirs }: Raw): MergeConflict<K, V> {
    const { keys, values } = this.#sides.space;
    const key = keys.decode(formed(raw, keys.form));
    const entry = (found: Entry<Buffer, Buffer>): Entry<K, V> => {
      return { ...found, key, value: values.decode(formed(found.value, values.form)) };
    };
    return {
      key,
      ...(base && { base: entry(base) }),
      ...(ours && { ours: entry(ours) }),
      ...(theirs && { theirs: entry(theirs) }),
    };
  }

  #listening(): { signal?: AbortSignal } {
    const { signal } = this.#write;
    return signal === undefined ? {} : { signal };
  }

  /** What is written for a resolution; null: nothing. */
  #decided({ ours, theirs }: Raw, resolution: Resolution<V>): Wanted | null {
    if (resolution === 'ours') return null;
    if (resolution === 'theirs') return theirs;
    if (resolution?.type === 'del') return ours === undefined ? null : undefined;
    if (resolution?.type !== 'put') {
      throw invalid('the answer to a conflict', "'ours', 'theirs', a put or a del", resolution);
    }
    return { ...resolution, value: bytesOf(this.#sides.space.values.encode(resolution.value, 'value')) };
  }

  async #wrote(batch: Batch<Buffer, Buffer>): Promise<boolean> {
    const { length } = batch;
    const answer = await batch.write(this.#write);
    if (!answer.ok) return false;
    this.#commit = answer;
    this.#changes += length;
    this.#commits++;
    return true;
  }
}

function formed(bytes: Buffer, form: Codec<unknown>['form']): string | Buffer {
  return form === 'utf8' ? bytes.toString() : bytes;
}

function resolveOf<K, V>(conflicts: MergeOptions<K, V>['conflicts']): Resolve<K, V> | undefined {
  if (conflicts === 'report') return undefined;
  if (conflicts === 'ours' || conflicts === 'theirs') return () => conflicts;
  if (typeof conflicts === 'function') return conflicts;
  throw invalid('conflicts', "'report', 'ours', 'theirs' or a function", conflicts);
}

/** On the condition that the key is what was looked at. */
function add(batch: Batch<Buffer, Buffer>, key: Buffer, here: Found, wanted: Wanted): void {
  batch.check({ key, revision: here?.revision ?? null });
  if (wanted === undefined) batch.del(key);
  else batch.put(key, wanted.value, expiryOf(wanted));
}

function expiryOf({ ttl, expiresAt }: Expiry): Expiry {
  return { ...(ttl !== undefined && { ttl }), ...(expiresAt !== undefined && { expiresAt }) };
}

function isSame(a: Found, b: Found): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.expiresAt?.getTime() === b.expiresAt?.getTime() && a.value.equals(b.value);
}

function conflictOf(key: Buffer, base: Found, ours: Found, theirs: Found): Raw {
  return { key, ...(base && { base }), ...(ours && { ours }), ...(theirs && { theirs }) };
}

function explained(error: unknown): unknown {
  if (!(error instanceof CoppiceError) || error.code !== 'COPPICE_TOO_LARGE') return error;
  return new CoppiceError('TOO_LARGE', `${error.message}; what is merged may be written with steps: true`, {
    cause: error,
    ...(error.details !== undefined && { details: error.details }),
  });
}
