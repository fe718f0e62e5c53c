/**
 * `coppice/level`: a Coppice database with the API of Level, for programs that were written for it. Needs the package
 * `abstract-level` 3 beside this one.
 *
 * @module
 */

import {
  type AbstractDatabaseOptions,
  type AbstractIterator,
  type AbstractKeyIterator,
  AbstractLevel,
  AbstractSnapshot,
  type AbstractValueIterator,
} from 'abstract-level';
import type { Batch } from '../batch.js';
import type { Database } from '../database.js';
import { bytesOf } from '../encoding/index.js';
import { invalid } from '../errors.js';
import { type OpenOptions, open } from '../open.js';
import { OPEN_OPTIONS } from '../options/open.js';
import type { WriteOptions } from '../options/write.js';
import type { ReadOptions } from '../pin.js';
import { Reader } from '../reader.js';
import type { Snapshot } from '../snapshot.js';
import { Writer } from '../writer.js';
import { ChainedBatch } from './chained-batch.js';
import { levelError, openError } from './errors.js';
import { type Formats, PAIRS, pairOf, type Stored } from './formats.js';
import { entryIterator, type IteratorOptions, keyIterator, type Still, valueIterator } from './iterators.js';
import { spanOf } from './span.js';

/** Those of Level, and those of `open` but for encodings, which are Level's. */
export type CoppiceLevelOptions<K, V> = AbstractDatabaseOptions<K, V> &
  Omit<OpenOptions, 'keyEncoding' | 'valueEncoding' | 'createIfMissing' | 'errorIfExists'>;

type Operation = { type: 'put'; key: Stored; value: Stored } | { type: 'del'; key: Stored };
/**
 * How the keys of a call are encoded.
 *
 * @inline
 */
interface KeyEncoded {
  keyEncoding?: string;
}
interface Given extends Formats {
  readonly snapshot?: AbstractSnapshot;
  readonly sync?: boolean;
}

/** So many keys are deleted by one commit of a `clear` that names a limit or a snapshot. */
const CLEARED_AT_ONCE = 1_000;

/**
 * A database of Level (`abstract-level` 3) that keeps its data in Coppice. Sublevels, hooks, events and encodings are Level's own, so
 * that a program changes its import and nothing else. As with LevelDB a write survives the process, and with `sync: true` the loss
 * of power; `durability` changes the default.
 *
 * @example
 * ```ts
 * import { CoppiceLevel } from 'coppice/level';
 *
 * const db = new CoppiceLevel<string, { born: number }>('./people', { valueEncoding: 'json' });
 * await db.put('ada', { born: 1815 });
 * for await (const [key, value] of db.iterator({ gte: 'a' })) console.log(key, value.born);
 * await db.close();
 * ```
 */
export class CoppiceLevel<K = string, V = string> extends AbstractLevel<string | Buffer | Uint8Array, K, V> {
  readonly #location: string;
  #database: Database<unknown, unknown> | undefined;
  /** By the formats of a call. */
  #writers: readonly Writer<Stored, Stored>[] = [];

  /** @throws `COPPICE_INVALID` if the location is no text. */
  constructor(location: string, options?: CoppiceLevelOptions<K, V>) {
    if (typeof location !== 'string' || location === '') throw invalid('location', 'the path of a folder', location);
    super(
      {
        encodings: { buffer: true, utf8: true, view: true },
        has: true,
        createIfMissing: true,
        errorIfExists: true,
        explicitSnapshots: true,
        implicitSnapshots: true,
        getSync: true,
        seek: true,
        additionalMethods: { approximateSize: true, compactRange: true },
        signals: { iterators: true },
      } as object,
      options,
    );
    this.#location = location;
  }

  /** The folder. */
  get location(): string {
    return this.#location;
  }

  /** The database beneath, while it is open: for what Level has no name for. Its keys and values are bytes. */
  get database(): Database<unknown, unknown> | undefined {
    return this.#database;
  }

  protected async _open(given: Record<string, unknown>): Promise<void> {
    // Hooks take options of their own, and LevelDB has some that have no meaning here.
    const { compression, ...others } = given;
    const options = Object.entries(others).filter(
      ([name, value]) => OPEN_OPTIONS.includes(name) && value !== undefined,
    );
    // LevelDB switches it on and off.
    if (compression !== undefined)
      options.push(['compression', compression === false ? 'none' : compression === true ? 'lz' : compression]);
    try {
      const database = await open<unknown, unknown>(this.#location, {
        durability: 'process',
        ...Object.fromEntries(options),
        keyEncoding: 'buffer',
        valueEncoding: 'buffer',
      });
      this.#database = database;
      this.#writers = PAIRS.map((space) => Writer.over(database, space));
    } catch (error) {
      throw openError(this.#location, error);
    }
  }

  protected async _close(): Promise<void> {
    await this.#database?.close();
    this.#database = undefined;
  }

  #at(formats: Formats): Writer<Stored, Stored> {
    return this.#writers[pairOf(formats)] as Writer<Stored, Stored>;
  }

  protected _get(key: Stored, options: Given): Promise<Stored | undefined> {
    return this.#at(options).get(key, readOptions(options));
  }

  protected _getSync(key: Stored, options: Given): Stored | undefined {
    return this.#at(options).getSync(key, readOptions(options));
  }

  protected _getMany(keys: Stored[], options: Given): Promise<(Stored | undefined)[]> {
    return this.#at(options).getMany(keys, readOptions(options));
  }

  protected _has(key: Stored, options: Given): Promise<boolean> {
    return this.#at(options).has(key, readOptions(options));
  }

  protected _hasMany(keys: Stored[], options: Given): Promise<boolean[]> {
    const at = this.#at(options);
    return Promise.all(keys.map((key) => at.has(key, readOptions(options))));
  }

  protected _put(key: Stored, value: Stored, options: Given): Promise<unknown> {
    return this.#at(options).put(key, value, writeOptions(options)).catch(rethrow);
  }

  protected _del(key: Stored, options: Given): Promise<unknown> {
    return this.#at(options).del(key, writeOptions(options)).catch(rethrow);
  }

  protected async _batch(operations: readonly Operation[], options: Given): Promise<void> {
    const batch = this.#newBatch();
    try {
      for (const operation of operations) {
        if (operation.type === 'put') batch.put(operation.key, operation.value);
        else batch.del(operation.key);
      }
      await batch.write(writeOptions(options));
    } catch (error) {
      batch.close();
      throw levelError(error);
    }
  }

  protected _chainedBatch(): ChainedBatch<this, K, V> {
    return new ChainedBatch(this, this.#newBatch(), (options) => writeOptions(options) ?? {});
  }

  /** Of either format. */
  #newBatch(): Batch<Stored, Stored> {
    return this.#at({}).batch();
  }

  protected async _clear(options: Given & IteratorOptions): Promise<void> {
    const { limit = -1, snapshot } = options;
    const at = this.#at(options);
    const span = spanOf(options);
    try {
      if (limit < 0 && snapshot === undefined) {
        const { reverse: _, ...range } = span;
        await at.delRange(range);
        return;
      }
      const range = at.keys({ ...span, ...(limit >= 0 && { limit }), ...readOptions(options) });
      for (let keys = await range.take(CLEARED_AT_ONCE); keys.length > 0; keys = await range.take(CLEARED_AT_ONCE)) {
        await at.batch(keys.map((key) => ({ type: 'del', key })));
      }
    } catch (error) {
      throw levelError(error);
    }
  }

  protected _iterator(options: Given & IteratorOptions): AbstractIterator<this, K, V> {
    return entryIterator(this, options, this.#still(options));
  }

  protected _keys(options: Given & IteratorOptions): AbstractKeyIterator<this, K> {
    return keyIterator(this, options, this.#still(options));
  }

  protected _values(options: Given & IteratorOptions): AbstractValueIterator<this, K, V> {
    return valueIterator(this, options, this.#still(options));
  }

  /** What an iterator sees: the given snapshot, or one of its own. */
  #still(options: Given): Still {
    const space = PAIRS[pairOf(options)] as (typeof PAIRS)[number];
    const snapshot = snapshotOf(options);
    // One that is closed by now is refused by the first read.
    if (snapshot !== undefined) return { reader: Reader.over(snapshot, space), release: () => {} };
    return Reader.still(this.#at(options), space);
  }

  protected _snapshot(options: object): LevelSnapshot {
    return new LevelSnapshot(options, this.#beneath().snapshot());
  }

  /**
   * Compacts a range of keys now, which happens by itself as well.
   *
   * @throws As every call of Level, `LEVEL_DATABASE_NOT_OPEN` if the database is not open.
   */
  async compactRange(start: K, end: K, options: KeyEncoded = {}): Promise<void> {
    if (this.status === 'opening') return this.deferAsync(() => this.compactRange(start, end, options));
    const [gte, lte] = this.#bounds('compactRange', [start, end], options);
    await this.#beneath().compact({ range: { gte, lte } });
  }

  /**
   * About how many bytes of files the keys from `start` up to `end` take. As with LevelDB what was written last is in memory and not
   * counted.
   *
   * @throws As every call of Level, `LEVEL_DATABASE_NOT_OPEN` if the database is not open.
   */
  async approximateSize(start: K, end: K, options: KeyEncoded = {}): Promise<number> {
    if (this.status === 'opening') return this.deferAsync(() => this.approximateSize(start, end, options));
    const [gte, lt] = this.#bounds('approximateSize', [start, end], options);
    return this.#beneath().approximateBytes({ gte, lt });
  }

  /** Keys as the database beneath has them, for a call that Level itself does not know. */
  #bounds(call: string, keys: [K, K], { keyEncoding }: KeyEncoded): [Buffer, Buffer] {
    if (this.status !== 'open') {
      const error = new Error(`Database is not open: cannot call ${call}()`);
      throw Object.assign(error, { code: 'LEVEL_DATABASE_NOT_OPEN' });
    }
    const encoding = this.keyEncoding(keyEncoding as 'utf8');
    return keys.map((key) => bytesOf(encoding.encode(key as string))) as [Buffer, Buffer];
  }

  #beneath(): Database<unknown, unknown> {
    return this.#database as Database<unknown, unknown>;
  }
}

/** A snapshot that a program holds. */
class LevelSnapshot extends (AbstractSnapshot as new (options: object) => AbstractSnapshot) {
  readonly inner: Snapshot<unknown, unknown>;

  constructor(options: object, inner: Snapshot<unknown, unknown>) {
    super(options);
    this.inner = inner;
  }

  async _close(): Promise<void> {
    this.inner.close();
  }
}

function snapshotOf({ snapshot }: Given): Snapshot<unknown, unknown> | undefined {
  return snapshot instanceof LevelSnapshot ? snapshot.inner : undefined;
}

function readOptions(options: Given): ReadOptions | undefined {
  const snapshot = options.snapshot === undefined ? undefined : snapshotOf(options);
  return snapshot && { snapshot };
}

function writeOptions({ sync }: { readonly sync?: boolean }): WriteOptions | undefined {
  return sync === true ? { durability: 'disk' } : undefined;
}

function rethrow(error: unknown): never {
  throw levelError(error);
}
