/**
 * The verbs of K4 over a database.
 *
 * @module
 */

import type { Database } from '../database.js';
import { kept } from '../encoding/index.js';
import { CoppiceError } from '../errors.js';
import { checkNames, integer, names } from '../options/check.js';
import type { Duration } from '../options/duration.js';
import { compare, type KeyRange } from '../options/range.js';
import { type Parts, Reader } from '../reader.js';
import { K4Iterator } from './iterator.js';
import { K4Transaction } from './transaction.js';

/** How many pairs a query answers. */
export interface K4Limit {
  /** The first so many, in the order of their keys. Default: all, and `COPPICE_TOO_LARGE` if they are more than 100,000. */
  limit?: number;
}

const LIMIT = names('a query', ['limit']);
/** What a query answers unless it says how much it wants. */
const PAIRS_MAX = 100_000;

/**
 * A database with K4's verbs; made by `k4` and `openK4`. Queries answer arrays of pairs in the order of their keys, all as of one
 * moment. Once the database is closed every call rejects or throws with `COPPICE_CLOSED`.
 */
export class K4<K, V> implements AsyncDisposable {
  /** The database beneath, for what K4 has no verb for. */
  readonly database: Database<K, V>;
  readonly #parts: Parts<K, V>;
  readonly #closed: (() => Promise<void>) | undefined;
  #closing: Promise<void> | undefined;

  /** @internal `closed`: what is to be done after `close`. */
  constructor(database: Database<K, V>, closed?: () => Promise<void>) {
    this.database = database;
    this.#closed = closed;
    this.#parts = Reader.parts(database);
  }

  /** Writes a value, which expires after `ttl` (milliseconds, or text like `'90s'`) if there is one. */
  async put(key: K, value: V, ttl?: Duration | null): Promise<void> {
    await this.database.put(key, value, ttl == null ? {} : { ttl });
  }

  /** The value of a key, or `undefined` if there is none. */
  get(key: K): Promise<V | undefined> {
    return this.database.get(key);
  }

  /** Removes a key, whether it has a value or not. */
  async delete(key: K): Promise<void> {
    await this.database.del(key);
  }

  /** All pairs but that of a key. */
  nget(key: K, options?: K4Limit): Promise<[K, V][]> {
    return this.nrange(key, key, options);
  }

  /** The pairs from `start` to `end`, both included. */
  async range(start: K, end: K, options?: K4Limit): Promise<[K, V][]> {
    return this.#pairs([{ gte: this.#key(start, 'start'), lte: this.#key(end, 'end') }], options);
  }

  /** The pairs that are not from `start` to `end`; all of them if `end` comes before `start`. */
  async nrange(start: K, end: K, options?: K4Limit): Promise<[K, V][]> {
    const { space } = this.#parts;
    const isEmpty = compare(kept(space.encodeKey(start, 'start')), space.encodeKey(end, 'end')) > 0;
    return this.#pairs(isEmpty ? [{}] : [{ lt: start }, { gt: end }], options);
  }

  /** The pairs after a key. */
  async greaterThan(key: K, options?: K4Limit): Promise<[K, V][]> {
    return this.#pairs([{ gt: this.#key(key) }], options);
  }

  /** The pair of a key, and those after it. */
  async greaterThanEq(key: K, options?: K4Limit): Promise<[K, V][]> {
    return this.#pairs([{ gte: this.#key(key) }], options);
  }

  /** The pairs before a key. */
  async lessThan(key: K, options?: K4Limit): Promise<[K, V][]> {
    return this.#pairs([{ lt: this.#key(key) }], options);
  }

  /** The pairs before a key, and its own. */
  async lessThanEq(key: K, options?: K4Limit): Promise<[K, V][]> {
    return this.#pairs([{ lte: this.#key(key) }], options);
  }

  /** Goes through all pairs, or those of a range, in both directions: see `K4Iterator`. */
  iterator(range: KeyRange<K> = {}): K4Iterator<K, V> {
    return new K4Iterator(this.#parts, range);
  }

  /** Begins to gather operations that become one commit: see `K4Transaction`. */
  beginTransaction(): K4Transaction<K, V> {
    return new K4Transaction(this.#parts);
  }

  /**
   * How many records of the log were replayed when the database was opened, which recovers by itself, whole and in order: what had
   * not got to tables when the process before ended. 0 after a close. There is nothing left to recover after that, so that it does
   * nothing; a damaged log is refused by the open, unless it is told otherwise (`recovery`).
   */
  async recoverFromWal(): Promise<{ records: number }> {
    return { records: this.database.stats().recoveredRecords };
  }

  /** Writes what is in memory to a table, and resolves when that is on the disk. Never needed for durability. */
  escalateFlush(): Promise<void> {
    return this.database.flush();
  }

  /** Merges all tables now, until there is nothing left to merge. */
  escalateCompaction(): Promise<void> {
    return this.database.compact();
  }

  /** Closes the database: pending writes are finished first. Harmless twice. */
  close(): Promise<void> {
    this.#closing ??= this.database.close().then(this.#closed);
    return this.#closing;
  }

  /** What `await using` calls: `close`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** A key that is a bound: an absent one would be no bound. */
  #key(key: K, what = 'key'): K {
    this.#parts.space.encodeKey(key, what);
    return key;
  }

  /** The pairs of ranges that follow each other. */
  async #pairs(ranges: readonly KeyRange<K>[], options: K4Limit = {}): Promise<[K, V][]> {
    checkNames(options, LIMIT);
    const { limit = PAIRS_MAX + 1 } = options;
    integer(limit, 'limit', 0, Number.MAX_SAFE_INTEGER);
    const snapshot = this.database.snapshot();
    let pairs: [K, V][] = [];
    try {
      for (const range of ranges) {
        pairs = pairs.concat(await snapshot.entries({ ...range, limit: limit - pairs.length }).toArray());
      }
    } finally {
      snapshot.close();
    }
    if (options.limit !== undefined || pairs.length <= PAIRS_MAX) return pairs;
    const message = `there are more than ${PAIRS_MAX} pairs: say how many with limit, or go through them with iterator()`;
    throw new CoppiceError('TOO_LARGE', message, { details: { option: 'limit' } });
  }
}
