/**
 * Reads: what a database, its sublevels and its snapshots have in common.
 *
 * A point read is answered on the calling thread where that needs no wait for the disk. Else the asynchronous forms have
 * the engine's read pool wait for it; `getSync` waits itself.
 *
 * @module
 */

import { throwIfAborted } from './abort.js';
import { Chunks } from './chunks.js';
import { invalid } from './errors.js';
import type { Handle } from './handle.js';
import { type Entry, type Keyspace, type MakeRow, makeEntry } from './keyspace.js';
import { ROWS_PER_TURN } from './limits.js';
import type { Engine, Later, Rows, RowsOptions } from './native/types.js';
import { checkNames, names } from './options/check.js';
import { RANGE_SHAPE, type RangeShape, shapeOf } from './options/range.js';
import { type Pin, pinned, pinOf, type ReadOptions } from './pin.js';
import { Range } from './range.js';

/** Which rows a range reads, and what it sees. */
export interface RangeOptions<K> extends RangeShape<K>, ReadOptions {}

const RANGE = names('a range', [...RANGE_SHAPE, 'snapshot', 'signal'], ['at']);
const NO_OPTIONS = Object.freeze({});

export class Reader<K, V> {
  /** @internal */
  protected readonly handle: Handle;
  /** @internal */
  protected readonly space: Keyspace<K, V>;
  /** @internal */
  protected readonly pin: Pin;

  /** @internal */
  constructor(handle: Handle, space: Keyspace<K, V>, pin: Pin) {
    this.handle = handle;
    this.space = space;
    this.pin = pin;
  }

  /**
   * The value of a key, or `undefined` if there is none.
   *
   * @example
   * ```ts
   * import { open } from 'coppice';
   *
   * const db = await open('./data');
   * await db.put('greeting', 'hello');
   * console.log(await db.get('greeting')); // hello
   * await db.close();
   * ```
   */
  get(key: K, options?: ReadOptions): Promise<V | undefined> {
    try {
      const pin = options === undefined ? this.pin : pinOf(options, this.pin);
      return Promise.resolve(this.#read(this.handle.live(), key, pin.number()));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** As `get`, but answers at once; reads the disk on the calling thread where the value is not in memory. */
  getSync(key: K, options?: ReadOptions): V | undefined {
    const pin = options === undefined ? this.pin : pinOf(options, this.pin);
    const { values } = this.space;
    const raw = this.handle.live().get(this.space.encodeKey(key), values.form, pin.number());
    if (raw === undefined || values.plain) return raw as V | undefined;
    return values.decode(raw);
  }

  /** The values of many keys, in their order, all as of one moment; `undefined` where there is none. */
  async getMany(keys: readonly K[], options?: ReadOptions): Promise<(V | undefined)[]> {
    if (!Array.isArray(keys)) throw invalid('keys', 'an array', keys);
    const pin = options === undefined ? this.pin : pinOf(options, this.pin);
    const engine = this.handle.live();
    const pinnedHere = pin.number() === 0 && keys.length > 1 ? engine.snapshot() : 0;
    const values: Later<V | undefined>[] = [];
    let waits = false;
    try {
      for (const key of keys) {
        const value = this.#read(engine, key, pinnedHere || pin.number());
        waits ||= value instanceof Promise;
        values.push(value);
      }
    } catch (error) {
      // Nobody waits any more for those that other threads read.
      if (waits) Promise.allSettled(values);
      throw error;
    } finally {
      // A read that waits for the disk has a pin of its own by now.
      if (pinnedHere > 0) engine.releaseSnapshot(pinnedHere);
    }
    return waits ? Promise.all(values) : (values as (V | undefined)[]);
  }

  #read(engine: Engine, key: K, snapshot: number): Later<V | undefined> {
    const { values } = this.space;
    const raw = engine.read(this.space.encodeKey(key), values.form, snapshot);
    if (raw === undefined || values.plain) return raw as Later<V | undefined>;
    if (raw instanceof Promise) return raw.then((raw) => (raw === undefined ? undefined : values.decode(raw)));
    return values.decode(raw);
  }

  /**
   * A value with the revision that wrote it and the time it expires, or `undefined`.
   *
   * @example
   * ```ts
   * import { open } from 'coppice';
   *
   * const db = await open('./data');
   * await db.put('session', 'ada', { ttl: '15m' });
   * const entry = await db.getEntry('session');
   * console.log(entry?.revision, entry?.expiresAt);
   * await db.close();
   * ```
   */
  async getEntry(key: K, options?: ReadOptions): Promise<Entry<K, V> | undefined> {
    const pin = options === undefined ? this.pin : pinOf(options, this.pin);
    const { values } = this.space;
    const found = await this.handle.live().entry(this.space.encodeKey(key), values.form, pin.number());
    if (found === undefined) return undefined;
    return makeEntry(key, values.decode(found.value), found.revision, found.expiresAtMs);
  }

  /** Whether a key has a value. Cheaper than getting it. */
  async has(key: K, options?: ReadOptions): Promise<boolean> {
    const pin = options === undefined ? this.pin : pinOf(options, this.pin);
    return this.handle.live().has(this.space.encodeKey(key), pin.number());
  }

  /** Keys with their values, as pairs. */
  entries(options?: RangeOptions<K>): Range<[K, V]> {
    return this.#range(options, this.space.entry, true, false);
  }

  /** Keys and values with revisions and times of expiry. */
  records(options?: RangeOptions<K>): Range<Entry<K, V>> {
    return this.#range(options, this.space.record, true, true);
  }

  /** Keys alone. */
  keys(options?: RangeOptions<K>): Range<K> {
    return this.#range(options, this.space.key, false, false);
  }

  /** Values alone, in the order of their keys. */
  values(options?: RangeOptions<K>): Range<V> {
    return this.#range(options, this.space.value, true, false);
  }

  /** How many keys a range holds, by reading it through. For an estimate of the whole see `stats().keysEstimate`. */
  async count(options: RangeOptions<K> = NO_OPTIONS): Promise<number> {
    checkNames(options, RANGE);
    const pin = pinned(options, this.pin);
    const { bounds, reverse, limit } = shapeOf(options, this.space);
    const rows = this.handle.live().rows({ ...bounds, reverse, snapshot: pin.number() });
    return countRows(rows, limit, options.signal);
  }

  #range<T>(options: RangeOptions<K> = NO_OPTIONS, make: MakeRow<T>, values: boolean, details: boolean): Range<T> {
    checkNames(options, RANGE);
    const pin = pinned(options, this.pin);
    const { space } = this;
    const { bounds, reverse, limit, batchSize } = shapeOf(options, space);
    const rows: RowsOptions = { ...bounds, reverse, keys: space.keys.form, details };
    if (values) rows.values = space.values.form;
    const chunks = new Chunks(pin, rows, limit, batchSize, options.signal);
    return new Range(chunks, make, space as Keyspace<unknown, unknown>, reverse, options.cursor);
  }
}

/** How many rows there are, at most `limit`. Lets the event loop run now and then, and closes the rows. */
export async function countRows(rows: Rows, limit: number, signal: AbortSignal | undefined): Promise<number> {
  let counted = 0;
  try {
    while (counted < limit) {
      const found = rows.next(Math.min(ROWS_PER_TURN, limit - counted), false);
      counted += found;
      if (rows.done || (found === 0 && !rows.cold)) break;
      await (rows.cold ? rows.warm() : new Promise((resolve) => setImmediate(resolve)));
      throwIfAborted(signal, 'count');
    }
  } finally {
    rows.close();
  }
  return counted;
}
