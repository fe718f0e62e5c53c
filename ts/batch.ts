/**
 * A batch that is filled step by step, with conditions.
 *
 * @module
 */

import { closed, invalid } from './errors.js';
import type { Handle } from './handle.js';
import type { Keyspace } from './keyspace.js';
import type { Slab } from './native/types.js';
import { checkNames, names, revision } from './options/check.js';
import { deadlineMs } from './options/duration.js';
import { KEY_RANGE, type KeyRange, keyRange, spanOf } from './options/range.js';
import { checkWrite, durability, type Expiry, type WriteOptions } from './options/write.js';
import type { Commit } from './write-queue.js';

/** A condition of a batch: the key was last written by this revision; `null`: it has no value. */
export interface Check<K> {
  key: K;
  revision: number | bigint | null;
}

/** The answer of a batch whose conditions did not hold: nothing was written. */
export interface Conflict<K> {
  ok: false;
  /** The conditions that failed, with what was found: the revision of the key, `null` if it has no value. */
  conflicts: {
    key: K;
    revision: number | null;
    /** Of a transaction, for a key of another part of it, read or written through `in`: the prefix of that sublevel, whose key it is. */
    prefix?: string;
  }[];
  /** The newest revision at that time. */
  revision: number;
}

const EXPIRY = names('put', ['ttl', 'expiresAt'], ['lease']);
const CHECK = names('a check', ['key', 'revision']);
const DEL_RANGE = names('delRange', KEY_RANGE);

/**
 * Operations that become one commit, written or discarded as a whole. Each call encodes straight into the record that
 * is logged, so the keys and values may be changed afterwards; values over 1 MiB only once the batch is written. Used
 * once: after `write` or `close` every call throws `COPPICE_CLOSED`.
 *
 * @example
 * ```ts
 * import { open } from 'coppice';
 *
 * const db = await open('./data');
 * const answer = await db.batch().check({ key: 'owner', revision: null }).put('owner', 'ada').write();
 * if (!answer.ok) console.log('somebody was first', answer.conflicts);
 * await db.close();
 * ```
 */
export class Batch<K, V> implements Disposable {
  readonly #handle: Handle;
  readonly #space: Keyspace<K, V>;
  readonly #checked: K[] = [];
  #slab: Slab | undefined;

  /** @internal */
  constructor(handle: Handle, space: Keyspace<K, V>) {
    handle.live();
    this.#handle = handle;
    this.#space = space;
    this.#slab = handle.writes.takeSlab();
  }

  /** Operations so far. */
  get length(): number {
    return this.#slab?.length ?? 0;
  }

  /** Bytes of the record so far, without values over 1 MiB; at most 32 MiB. */
  get bytes(): number {
    return this.#slab?.bytes ?? 0;
  }

  /** Adds a put. */
  put(key: K, value: V, options?: Expiry): this {
    const slab = this.#open();
    if (options !== undefined) checkNames(options, EXPIRY);
    const deadline =
      options === undefined ? undefined : deadlineMs(options.ttl, options.expiresAt, this.#handle.engine);
    const bytes = this.#space.values.encode(value, 'value');
    slab.put(this.#space.encodeKey(key), bytes, deadline);
    return this;
  }

  /** Adds a delete. */
  del(key: K): this {
    this.#open().del(this.#space.encodeKey(key));
    return this;
  }

  /** Adds a delete of all keys of a range. It removes what the batch put before it too, and nothing put after it. */
  delRange(range: KeyRange<K>): this {
    const slab = this.#open();
    const span = spanOf(keyRange(range, DEL_RANGE, this.#space));
    if (span !== undefined) slab.delRange(span.lower, span.upper);
    return this;
  }

  /** Adds conditions: if any does not hold when the batch is written, nothing is written and the answer is a `Conflict`. */
  check(...checks: readonly Check<K>[]): this {
    const slab = this.#open();
    for (const check of checks) {
      checkNames(check, CHECK);
      if (check.revision === undefined) throw invalid('revision', 'a revision or null', undefined);
      const expected = check.revision === null ? null : revision(check.revision, 'revision');
      slab.check(this.#space.encodeKey(check.key), expected);
      this.#checked.push(check.key);
    }
    return this;
  }

  /** Removes all operations and conditions. */
  clear(): this {
    this.#open().clear();
    this.#checked.length = 0;
    return this;
  }

  /**
   * Writes the batch as one commit. A condition that does not hold is an answer, `{ ok: false }`, never an exception.
   *
   * @throws as `put` does.
   */
  write(options: WriteOptions = {}): Promise<Commit | Conflict<K>> {
    try {
      const slab = this.#open();
      checkWrite(options);
      const level = durability(options.durability, this.#handle.levels);
      this.#slab = undefined;
      const answer = this.#handle.writes.commit(slab, level, options.signal);
      return this.#checked.length === 0 ? (answer as Promise<Commit>) : this.#explained(answer);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Discards the batch. Harmless twice, and after `write`. */
  close(): void {
    if (this.#slab !== undefined) this.#handle.writes.giveBack(this.#slab);
    this.#slab = undefined;
  }

  /** What `using` calls: `close`. */
  [Symbol.dispose](): void {
    this.close();
  }

  async #explained(answer: ReturnType<Handle['writes']['commit']>): Promise<Commit | Conflict<K>> {
    const found = await answer;
    if ('ok' in found) return found;
    const conflicts = found.conflicts.map(({ guard, revision }) => ({ key: this.#checked[guard] as K, revision }));
    return { ok: false, conflicts, revision: found.revision };
  }

  #open(): Slab {
    this.#handle.live();
    if (this.#slab === undefined) throw closed('batch');
    return this.#slab;
  }
}
