/**
 * Reads: what a database, its sublevels and its snapshots have in common.
 *
 * A point read is answered on the calling thread where that needs no wait for the disk. Else the asynchronous forms have
 * the engine's read pool wait for it; `getSync` waits itself.
 *
 * @module
 */

import { throwIfAborted } from './abort.js';
import { type Change, Changes } from './changes.js';
import { Chunks } from './chunks.js';
import { invalid } from './errors.js';
import type { Handle } from './handle.js';
import type { Entry, Keyspace, MakeRow, Version } from './keyspace.js';
import { ROWS_PER_TURN } from './limits.js';
import type { ChangedEntry, Engine, Later, Changes as NativeChanges, Rows, RowsOptions } from './native/types.js';
import { checkNames, integer, names, revision } from './options/check.js';
import { KEY_RANGE, type KeyRange, RANGE_SHAPE, type RangeShape, shapeOf } from './options/range.js';
import { Pin, pinned, pinOf, type ReadOptions } from './pin.js';
import { Range } from './range.js';

/** Which rows a range reads, and what it sees. */
export interface RangeOptions<K> extends RangeShape<K>, ReadOptions {}

/** Which versions of a key. */
export interface HistoryOptions {
  /** Only what was written by this revision or later. Default: all that is kept. */
  from?: number | bigint;
  /** Only what was written by this revision or earlier. Default: up to the newest. */
  to?: number | bigint;
  /** Versions at most. Default: all. */
  limit?: number;
  /** Gives up with `COPPICE_ABORTED`. */
  signal?: AbortSignal;
}

/** Which keys of a diff. */
export interface DiffOptions<K> extends KeyRange<K> {
  /** What it leads to: this database as it was right after this revision, with history. Default: as this reader sees it. */
  at?: number | bigint;
  /** Gives up with `COPPICE_ABORTED`. */
  signal?: AbortSignal;
}

/** What a reader is made of. */
export interface Parts<K, V> {
  readonly handle: Handle;
  readonly space: Keyspace<K, V>;
  readonly pin: Pin;
}

const DIFF = names('a diff', [...KEY_RANGE, 'at', 'signal']);
const RANGE = names('a range', [...RANGE_SHAPE, 'snapshot', 'at', 'signal']);
const HISTORY = names('history', ['from', 'to', 'limit', 'signal']);
const NO_OPTIONS = Object.freeze({});

/** What can be read: a database, a sublevel or a snapshot. */
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

  /** @internal The same reader by other keys and values. */
  static over<K, V>(reader: Reader<unknown, unknown>, space: Keyspace<K, V>): Reader<K, V> {
    return new Reader(reader.handle, space, reader.pin);
  }

  /** @internal What a reader is made of, for those who read and write in a way of their own. */
  static parts<K, V>({ handle, space, pin }: Reader<K, V>): Parts<K, V> {
    return { handle, space, pin };
  }

  /** @internal The same state, by other keys and values if they are given; it stands still until `release`. */
  static still<K, V>(reader: Reader<K, V>): Still<K, V>;
  static still<K, V>(reader: Reader<unknown, unknown>, space: Keyspace<K, V>): Still<K, V>;
  static still<K, V>(reader: Reader<K, V>, space = reader.space): Still<K, V> {
    const { handle, pin } = reader;
    // A snapshot is its owner's.
    if (pin.number() !== 0) return { reader: new Reader(handle, space, pin), release: () => {} };
    const own = new Pin(handle, handle.live().snapshot());
    return { reader: new Reader(handle, space, own), release: () => own.release() };
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
      if (options !== undefined) return Promise.resolve(this.#readWith(key, options));
      const value = this.#read(this.handle.live(), key, this.pin.number());
      const turned = value instanceof Promise ? undefined : this.handle.turns.due();
      return turned === undefined ? Promise.resolve(value) : turned.then(() => value);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * As `get`, but answers at once; reads the disk on the calling thread where the value is not in memory.
   *
   * @throws `COPPICE_INVALID` for a key of another type, `COPPICE_CORRUPT` for a damaged page, `COPPICE_ENCODING` for a value that was
   * written by another encoding.
   * @example
   * ```ts
   * import { open } from 'coppice';
   *
   * const db = await open('./data');
   * db.put('greeting', 'hello');
   * console.log(db.getSync('greeting')); // hello
   * await db.close();
   * ```
   */
  getSync(key: K, options?: ReadOptions): V | undefined {
    if (options === undefined) return this.#getSync(key, this.pin.number());
    return asked(pinOf(options, this.pin), (snapshot) => this.#getSync(key, snapshot));
  }

  #getSync(key: K, snapshot: number): V | undefined {
    const { values } = this.space;
    const raw = this.handle.live().get(this.space.encodeKey(key), values.form, snapshot);
    if (raw === undefined || values.plain) return raw as V | undefined;
    return values.decode(raw);
  }

  /**
   * The values of many keys, in their order, all as of one moment; `undefined` where there is none. Those that are not in memory
   * are read beside each other.
   *
   * @example
   * ```ts
   * import { open } from 'coppice';
   *
   * const db = await open('./data');
   * await db.put('a', '1');
   * await db.put('b', '2');
   * console.log(await db.getMany(['b', 'c', 'a'])); // [ '2', undefined, '1' ]
   * await db.close();
   * ```
   */
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
      pin.done();
    }
    return waits ? Promise.all(values) : (values as (V | undefined)[]);
  }

  #readWith(key: K, options: ReadOptions): Later<V | undefined> {
    return asked(pinOf(options, this.pin), (snapshot) => this.#read(this.handle.live(), key, snapshot));
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
    const found = await asked(pin, (snapshot) => {
      return this.handle.live().entry(this.space.encodeKey(key), values.form, snapshot);
    });
    return found && this.space.found(key, found);
  }

  /**
   * Whether a key has a value. Cheaper than getting it.
   *
   * @example
   * ```ts
   * import { open } from 'coppice';
   *
   * const db = await open('./data');
   * await db.put('greeting', '');
   * console.log(await db.has('greeting'), await db.has('farewell')); // true false
   * await db.close();
   * ```
   */
  async has(key: K, options?: ReadOptions): Promise<boolean> {
    const pin = options === undefined ? this.pin : pinOf(options, this.pin);
    return asked(pin, (snapshot) => this.handle.live().has(this.space.encodeKey(key), snapshot));
  }

  /**
   * Keys with their values, as pairs, in the order of the keys. Nothing is read before the first row is asked for; from then on the
   * range shows the state of that moment, and holds it until it is read to its end, left or closed.
   *
   * @throws `COPPICE_INVALID` for bounds that contradict each other and for unknown options.
   * @example
   * ```ts
   * import { open } from 'coppice';
   *
   * const db = await open('./data');
   * await db.batch(['a', 'b', 'c'].map((key) => ({ type: 'put', key, value: key.toUpperCase() })));
   * for await (const [key, value] of db.entries({ gte: 'b', reverse: true, limit: 1 })) console.log(key, value); // c C
   * await db.close();
   * ```
   */
  entries(options?: RangeOptions<K>): Range<[K, V]> {
    return this.#range(options, this.space.entry, true, false);
  }

  /**
   * Keys and values with revisions and times of expiry; with history also with versions.
   *
   * @example
   * ```ts
   * import { open } from 'coppice';
   *
   * const db = await open('./data');
   * const { revision } = await db.put('session', 'ada', { ttl: '1h' });
   * const [record] = await db.records({ prefix: 'session' }).toArray();
   * console.log(record?.key, record?.revision === revision, record?.expiresAt instanceof Date); // session true true
   * await db.close();
   * ```
   */
  records(options?: RangeOptions<K>): Range<Entry<K, V>> {
    const make = this.handle.history ? this.space.versionedRecord : this.space.record;
    return this.#range(options, make, true, true);
  }

  /**
   * Keys alone: values are not read.
   *
   * @example
   * ```ts
   * import { open } from 'coppice';
   *
   * const db = await open('./data');
   * await db.batch(['user/1', 'user/2'].map((key) => ({ type: 'put', key, value: '' })));
   * console.log(await db.keys({ prefix: 'user/', limit: 1 }).toArray()); // [ 'user/1' ]
   * await db.close();
   * ```
   */
  keys(options?: RangeOptions<K>): Range<K> {
    return this.#range(options, this.space.key, false, false);
  }

  /** Values alone, in the order of their keys. */
  values(options?: RangeOptions<K>): Range<V> {
    return this.#range(options, this.space.value, true, false);
  }

  /**
   * How many keys a range holds, by reading it through. For an estimate of the whole see `stats().keysEstimate`.
   *
   * @example
   * ```ts
   * import { open } from 'coppice';
   *
   * const db = await open('./data');
   * await db.put('user/ada', '');
   * console.log(await db.count({ prefix: 'user/' })); // 1
   * await db.close();
   * ```
   */
  async count(options: RangeOptions<K> = NO_OPTIONS): Promise<number> {
    checkNames(options, RANGE);
    const pin = pinned(options, this.pin);
    const { bounds, reverse, limit } = shapeOf(options, this.space);
    const rows = this.handle.live().rows({ ...bounds, reverse, snapshot: pin.number() });
    try {
      return await countRows(rows, limit, options.signal);
    } finally {
      pin.done();
    }
  }

  /**
   * The versions of a key in a database with history, newest first: what each commit made of it, deletes included, as far
   * back as nothing was trimmed. The oldest is what the key held at the revision that the database is trimmed to, if it
   * had a value then. Deadlines hide nothing. On a snapshot: up to its revision.
   *
   * To page through a long one, ask for `to: revision - 1` of the last version, as long as that is not below the revision
   * that the database is trimmed to (`stats().history.trimRevision`); `seek` and `cursor` of the range are for
   * ranges of keys.
   *
   * Reading it rejects with `COPPICE_COMPACTED` or `COPPICE_FUTURE_REVISION` for a `from` or `to` that cannot be read, and
   * with `COPPICE_UNSUPPORTED` without history.
   *
   * @example
   * ```ts
   * import { open } from 'coppice';
   *
   * const db = await open('./data-with-history', { history: true });
   * await db.put('price', '10');
   * await db.put('price', '12');
   * await db.del('price');
   * for await (const version of db.history('price')) {
   *   if (version.type === 'put') console.log(version.revision, version.value, version.version);
   *   else console.log(version.revision, 'deleted');
   * }
   * await db.close();
   * ```
   */
  history(key: K, options: HistoryOptions = NO_OPTIONS): Range<Version<K, V>> {
    checkNames(options, HISTORY);
    const { from, to, limit } = options;
    const pin = pinned(options.signal === undefined ? NO_OPTIONS : { signal: options.signal }, this.pin);
    const of = {
      key: this.space.encodeKey(key),
      from: from === undefined ? 0 : revision(from, 'from'),
      to: to === undefined ? 0 : revision(to, 'to'),
    };
    const most = limit === undefined ? Number.POSITIVE_INFINITY : integer(limit, 'limit', 0, Number.MAX_SAFE_INTEGER);
    const rows: RowsOptions = { of, values: this.space.values.form, details: true, versions: true };
    const chunks = new Chunks(pin, rows, most, undefined, options.signal);
    return new Range(chunks, this.space.versionsOf(key), this.space as Keyspace<unknown, unknown>, false, undefined);
  }

  /**
   * What has changed since an earlier state, in key order: the keys whose value or time of expiry differs, with what they
   * were and what they are. It costs what differs, not what is there. What has expired by now counts as absent.
   *
   * @param before A revision of this database, which then needs history; or a snapshot; or another database that this
   * thread has open, best one that began as a copy of this one or this one as a copy of it: tables that both have are not
   * read. Of a sublevel its keys are compared, and no others.
   * @throws `COPPICE_COMPACTED`, `COPPICE_FUTURE_REVISION` and `COPPICE_UNSUPPORTED` for a revision, as `at` does.
   * @example
   * ```ts
   * import { open } from 'coppice';
   *
   * const db = await open('./data');
   * const before = db.snapshot();
   * await db.batch([
   *   { type: 'put', key: 'a', value: '1' },
   *   { type: 'del', key: 'b' },
   * ]);
   * for await (const change of db.diff(before)) console.log(change.key, change.before?.value, '->', change.after?.value);
   * before.close();
   * await db.close();
   * ```
   */
  diff(before: Reader<unknown, unknown> | number | bigint, options: DiffOptions<K> = NO_OPTIONS): Changes<K, V> {
    return this.shown(this.differing(before, options), options);
  }

  /** @internal */
  protected shown(native: NativeChanges, { signal }: DiffOptions<K>): Changes<K, V> {
    return new Changes(native, (changed) => changeOf(this.space, changed), signal);
  }

  /** @internal */
  protected differing(before: Reader<unknown, unknown> | number | bigint, options: DiffOptions<K>): NativeChanges {
    checkNames(options, DIFF);
    const { space } = this;
    const from = before instanceof Reader ? before.pin : pinned({ at: before }, new Pin(this.handle, 0));
    const { at, signal } = options;
    const to = pinned({ ...(at !== undefined && { at }), ...(signal !== undefined && { signal }) }, this.pin);
    const { bounds } = shapeOf(options, space);
    const wanted = { ...bounds, keys: space.keys.form, values: space.values.form };
    return asked(from, (snapshot) =>
      asked(to, (number) => this.handle.live().changes(from.handle.live().moment(snapshot), number, wanted)),
    );
  }

  #range<T>(options: RangeOptions<K> = NO_OPTIONS, make: MakeRow<T>, values: boolean, details: boolean): Range<T> {
    checkNames(options, RANGE);
    const pin = pinned(options, this.pin);
    const { space } = this;
    const { bounds, reverse, limit, batchSize } = shapeOf(options, space);
    const rows: RowsOptions = { ...bounds, reverse, keys: space.keys.form, details };
    if (details && this.handle.history) rows.versions = true;
    if (values) rows.values = space.values.form;
    const chunks = new Chunks(pin, rows, limit, batchSize, options.signal);
    return new Range(chunks, make, space as Keyspace<unknown, unknown>, reverse, options.cursor);
  }
}

function changeOf<K, V>(space: Keyspace<K, V>, { key: raw, before, after }: ChangedEntry): Change<K, V> {
  const key = space.decodeKey(raw);
  const change: Change<K, V> = { key };
  if (before !== undefined) change.before = space.found(key, before);
  if (after !== undefined) change.after = space.found(key, after);
  return change;
}

interface Still<K, V> {
  readonly reader: Reader<K, V>;
  release(): void;
}

/** The answer of a read that `pin` is for. */
function asked<T>(pin: Pin, read: (snapshot: number) => T): T {
  try {
    return read(pin.number());
  } finally {
    pin.done();
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
