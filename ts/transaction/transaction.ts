/**
 * A transaction, as programs have it.
 *
 * @module
 */

import type { Conflict } from '../batch.js';
import type { Codec, Encoded } from '../encoding/index.js';
import { invalid } from '../errors.js';
import type { Entry, Keyspace, MakeRow } from '../keyspace.js';
import type { FoundEntry, Later, RowsOptions } from '../native/types.js';
import { checkNames, names, signal } from '../options/check.js';
import { deadlineMs } from '../options/duration.js';
import { KEY_RANGE, type KeyRange, keyRange, RANGE_SHAPE, type RangeShape, shapeOf, spanOf } from '../options/range.js';
import type { Expiry } from '../options/write.js';
import { Range } from '../range.js';
import type { Sublevel } from '../sublevel.js';
import type { Commit } from '../write-queue.js';
import { Writer } from '../writer.js';
import { TransactionChunks } from './chunks.js';
import { inForm } from './rows.js';
import type { Lost, State } from './state.js';

/** Which rows a range of a transaction reads. */
export interface TransactionRangeOptions<K> extends RangeShape<K> {
  /** Gives up with `COPPICE_ABORTED`. */
  signal?: AbortSignal;
}

const RANGE = names('a range of a transaction', [...RANGE_SHAPE, 'signal']);
const DEL_RANGE = names('delRange', KEY_RANGE);
const EXPIRY = names('put', ['ttl', 'expiresAt'], ['lease']);
const NO_OPTIONS = Object.freeze({});

/**
 * Reads of one moment, and writes that become one commit if what was read still is so. Made by `transaction`, which is what
 * most programs want, and by `begin`.
 *
 * It sees the database as it was when it began, with its own writes on top: those of its keys at once, those in a range if
 * they were made before the first row of the range was asked for. Nobody else sees them before `commit`. Entries that it has
 * written itself have the revision 0.
 *
 * Once it has ended every call throws or rejects with `COPPICE_CLOSED`, but for `rollback`, `release` and `using`. It belongs
 * to the thread that began it, and ends with its database. While it lives the engine keeps what it sees.
 */
export class Transaction<K, V> implements Disposable, AsyncDisposable {
  /** The revision that it reads. */
  readonly readRevision: number;
  /** Of `transaction`: which try this is, from 1 on. */
  readonly attempt: number;
  readonly #state: State;
  readonly #space: Keyspace<K, V>;

  /** @internal */
  constructor(state: State, space: Keyspace<K, V>, attempt: number) {
    this.#state = state;
    this.#space = space;
    this.attempt = attempt;
    this.readRevision = state.readRevision;
    state.uses(space as Keyspace<unknown, unknown>);
  }

  /** The value of a key, or `undefined` if there is none. */
  async get(key: K): Promise<V | undefined> {
    const found = await this.#find(key);
    return found === undefined ? undefined : this.#space.values.decode(found.value);
  }

  /** As `get`, but answers at once; reads the disk on the calling thread where the value is not in memory. */
  getSync(key: K): V | undefined {
    const { values } = this.#space;
    this.#state.live();
    const stored = this.#space.encodeKey(key);
    const found = this.#own(stored) ?? this.#state.rowSync(stored, values.form);
    return found === undefined || found === DELETED ? undefined : values.decode(found.value);
  }

  /** The values of many keys, in their order; `undefined` where there is none. */
  async getMany(keys: readonly K[]): Promise<(V | undefined)[]> {
    if (!Array.isArray(keys)) throw invalid('keys', 'an array', keys);
    return Promise.all(keys.map((key) => this.get(key)));
  }

  /** A value with the revision that wrote it and the time it expires, or `undefined`. */
  async getEntry(key: K): Promise<Entry<K, V> | undefined> {
    const found = await this.#find(key);
    return found && this.#space.found(key, found);
  }

  /** Whether a key has a value. */
  async has(key: K): Promise<boolean> {
    this.#state.live();
    const stored = this.#space.encodeKey(key);
    const found = this.#own(stored) ?? (await this.#state.row(stored));
    return found !== undefined && found !== DELETED;
  }

  /** Keys with their values, as pairs. */
  entries(options?: TransactionRangeOptions<K>): Range<[K, V]> {
    return this.#range(options, this.#space.entry, true);
  }

  /** Keys and values with revisions and times of expiry; with history also with versions. */
  records(options?: TransactionRangeOptions<K>): Range<Entry<K, V>> {
    const { record, versionedRecord } = this.#space;
    // Its own writes have no version yet.
    const make: MakeRow<Entry<K, V>> = (rows, i) =>
      rows.revision(i) === 0 ? record(rows, i) : versionedRecord(rows, i);
    return this.#range(options, this.#state.handle.history ? make : record, true);
  }

  /** Keys alone. */
  keys(options?: TransactionRangeOptions<K>): Range<K> {
    return this.#range(options, this.#space.key, false);
  }

  /** Values alone, in the order of their keys. */
  values(options?: TransactionRangeOptions<K>): Range<V> {
    return this.#range(options, this.#space.value, true);
  }

  /** How many keys a range holds, by reading it through. */
  async count(options?: TransactionRangeOptions<K>): Promise<number> {
    let counted = 0;
    for await (const one of this.#range(options, () => 1, false)) counted += one;
    return counted;
  }

  /**
   * Writes a value when the transaction commits. Key and value may be changed afterwards, but for values over 1 MiB.
   *
   * @throws `COPPICE_TOO_LARGE` beyond the limits of a batch: 32 MiB, without the values over 1 MiB, or 1 GiB of these.
   */
  put(key: K, value: V, options?: Expiry): void {
    this.#state.live();
    if (options !== undefined) checkNames(options, EXPIRY);
    const deadline =
      options === undefined ? undefined : deadlineMs(options.ttl, options.expiresAt, this.#state.handle.engine);
    const bytes = this.#space.values.encode(value, 'value');
    this.#state.writes.put(this.#space.encodeKey(key), bytes, deadline);
  }

  /** Removes a key when the transaction commits. */
  del(key: K): void {
    this.#state.live();
    this.#state.writes.del(this.#space.encodeKey(key));
  }

  /**
   * Removes all keys of a range when the transaction commits, also those that others have put there by then: read the range first if
   * that matters.
   *
   * @example
   * ```ts
   * import { open } from 'coppice';
   *
   * const db = await open('./data');
   * await db.put('cart/1', 'bread');
   * await db.transaction(async (transaction) => {
   *   const cart = await transaction.values({ prefix: 'cart/' }).toArray();
   *   transaction.delRange({ prefix: 'cart/' });
   *   transaction.put('order/1', cart.join());
   * });
   * console.log(await db.entries().toArray()); // [ [ 'order/1', 'bread' ] ]
   * await db.close();
   * ```
   */
  delRange(range: KeyRange<K>): void {
    this.#state.live();
    const span = spanOf(keyRange(range, DEL_RANGE, this.#space));
    if (span !== undefined) this.#state.writes.delRange(span);
  }

  /**
   * The same transaction by the keys and values of a sublevel of the database.
   *
   * @throws `COPPICE_INVALID` for a sublevel of another database.
   * @example
   * ```ts
   * import { open } from 'coppice';
   *
   * const db = await open('./data');
   * const [users, counters] = [db.sublevel('users'), db.sublevel('counters', { valueEncoding: 'u64' })];
   * await db.transaction(async (transaction) => {
   *   const count = (await transaction.in(counters).get('users')) ?? 0n;
   *   transaction.in(users).put('ada', 'Ada Lovelace');
   *   transaction.in(counters).put('users', count + 1n);
   * });
   * console.log(await users.get('ada'), await counters.get('users')); // Ada Lovelace 1n
   * await db.close();
   * ```
   */
  in<K2, V2>(sublevel: Sublevel<K2, V2>): Transaction<K2, V2> {
    this.#state.live();
    const space = Writer.spaceOf(this.#state.handle, sublevel) as Keyspace<K2, V2>;
    return new Transaction(this.#state, space, this.attempt);
  }

  /**
   * Writes everything as one commit, if what was read still is so; else nothing, and the answer is a `Conflict` that names the
   * keys which others have changed. Without writes there is nothing to check, and the answer is the revision that it read.
   *
   * It is the end of the transaction, whatever comes of it; an error discards it too.
   *
   * @throws as `put` of a database does.
   */
  async commit(): Promise<Commit | Conflict<K>> {
    const answer = await this.#state.commit();
    return answer.ok ? answer : this.#shown(answer);
  }

  /**
   * Before the commit, and after one that was not made: discards everything. After a commit, of a transaction begun with
   * `beforeImages`: restores, as one commit, what it has overwritten, with times of expiry, where that is not past. If any of
   * the keys was changed since, nothing is written, and the answer is a `Conflict` that names them; it may be tried again.
   */
  async rollback(): Promise<Conflict<K> | undefined> {
    const answer = await this.#state.rollback();
    return answer && this.#shown(answer);
  }

  /** Ends it: discards what was not committed, forgets what `rollback` would restore. Harmless twice. */
  release(): void {
    this.#state.release();
  }

  /** What `using` calls: `release`. */
  [Symbol.dispose](): void {
    this.release();
  }

  /** What `await using` calls: `release`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.release();
  }

  #find(key: K): Later<FoundEntry<string | Buffer> | undefined> {
    this.#state.live();
    const stored = this.#space.encodeKey(key);
    const own = this.#own(stored);
    if (own !== undefined) return own === DELETED ? undefined : own;
    return this.#state.entry(stored, this.#space.values.form);
  }

  /** What the transaction itself has made of a key. */
  #own(stored: Encoded): FoundEntry<string | Buffer> | typeof DELETED | undefined {
    const own = this.#state.writes.find(stored);
    if (own === undefined) return undefined;
    if (own.value === undefined) return DELETED;
    const value = inForm(own.value, this.#space.values.form);
    return { value, revision: 0, expiresAtMs: own.deadlineMs, createRevision: 0, version: 0 };
  }

  #range<T>(options: TransactionRangeOptions<K> = NO_OPTIONS, make: MakeRow<T>, values: boolean): Range<T> {
    this.#state.live();
    checkNames(options, RANGE);
    if (options.signal !== undefined) signal(options.signal);
    const space = this.#space;
    const { bounds, reverse, limit, batchSize } = shapeOf(options, space);
    const rows: RowsOptions = { ...bounds, reverse, keys: space.keys.form, details: true };
    if (this.#state.handle.history) rows.versions = true;
    if (values) rows.values = space.values.form;
    const chunks = new TransactionChunks(this.#state, rows, limit, batchSize, options.signal);
    return new Range(chunks, make, space as Keyspace<unknown, unknown>, reverse, options.cursor);
  }

  #shown({ keys, revision }: Lost): Conflict<K> {
    const conflicts = [...keys].map(([name, revision]) => {
      const raw = Buffer.from(name, 'latin1');
      const { keys, prefix } = this.#state.spaceOf(raw);
      const key = decoded(keys, raw.subarray(prefix.length)) as K;
      return prefix === this.#space.prefix ? { key, revision } : { key, revision, prefix };
    });
    return { ok: false, conflicts, revision };
  }
}

/** A key as its encoding has it; if that does not take it, as keys of sublevels in a range of all keys, its bytes. */
function decoded(codec: Codec<unknown>, bytes: Buffer): unknown {
  try {
    return codec.decode(inForm(bytes, codec.form));
  } catch {
    return bytes;
  }
}

const DELETED = Symbol('deleted');
