/**
 * The store for Keyv 5, which says how long an entry lives and puts namespaces before the keys itself: `namespace:key`.
 *
 * @module
 */

import type { DriverDatabase } from '../backing.js';
import type { Expiry } from '../options/write.js';
import { CellStore, type Cells, cell, cellsOf } from './cells.js';

/** One of many entries to be stored. */
export interface KeyvEntry5 {
  key: string;
  value: unknown;
  /** For so many milliseconds. */
  ttl?: number;
}

const toCell = (key: string) => cell(null, key);

/**
 * As `KeyvCoppice`, for Keyv 5. There a namespace is the beginning of a key, so that `a` with the key `b:c` and `a:b` with the key `c` are
 * the same entry.
 */
export class KeyvCoppice5 extends CellStore {
  /** The namespace that `clear` removes; Keyv sets it. Not there before that: Keyv 6 would leave its own to the store. */
  declare namespace?: string | undefined;

  /** Keyv 5 has iterators for stores of the kinds that it knows by name. Of those SQLite's does what this one does. */
  readonly opts: Record<string, unknown> = { dialect: 'sqlite', url: 'coppice' };

  /**
   * Opens nothing yet: that is done by the first call that needs it.
   *
   * @param database A folder, the same with options of `open`, or `{ db }`: what is open already.
   * @throws `COPPICE_INVALID` for an option, which is named.
   */
  constructor(database: string | DriverDatabase) {
    super(typeof database === 'string' ? { path: database } : database, 'KeyvCoppice5');
  }

  /** The value of a key, or `undefined`. */
  async get<Value>(key: string): Promise<Value | undefined> {
    const [value] = await this.read([toCell(key)]);
    return value as Value | undefined;
  }

  /** The values of many keys, as of one moment. */
  async getMany<Value>(keys: string[]): Promise<(Value | undefined)[]> {
    return (await this.read(keys.map(toCell))) as (Value | undefined)[];
  }

  /** Whether a key has a value. */
  async has(key: string): Promise<boolean> {
    const [there] = await this.holds([toCell(key)]);
    return there === true;
  }

  /** Which of the keys have a value. */
  async hasMany(keys: string[]): Promise<boolean[]> {
    return this.holds(keys.map(toCell));
  }

  /** Stores a value, for so many milliseconds, or for ever. */
  async set(key: string, value: unknown, ttl?: number): Promise<boolean> {
    await this.write(toCell(key), value, during(ttl));
    return true;
  }

  /** Stores many values; all of them are stored, or it rejects. */
  async setMany(entries: KeyvEntry5[]): Promise<void> {
    await this.writeAll(entries.map(({ key, value, ttl }) => ({ key: toCell(key), value, ...during(ttl) })));
  }

  /** Removes a key; answers whether it had a value. */
  async delete(key: string): Promise<boolean> {
    const [there] = await this.remove([toCell(key)]);
    return there === true;
  }

  /** Removes many keys; answers whether any of them had a value. */
  async deleteMany(keys: string[]): Promise<boolean> {
    return (await this.remove(keys.map(toCell))).includes(true);
  }

  /** Removes everything in the namespace; without one, everything. */
  async clear(): Promise<void> {
    await this.removeAll(startingWith(this.namespace));
  }

  /** Keys, with their namespace, and values; without a namespace all of them. */
  iterator<Value>(namespace?: string): AsyncGenerator<[string, Awaited<Value> | undefined], void> {
    return this.readAll(startingWith(namespace)) as AsyncGenerator<[string, Awaited<Value>], void>;
  }
}

/** In order `;` follows `:`. */
function startingWith(namespace: string | undefined): Cells {
  return namespace ? { gte: toCell(`${namespace}:`), lt: toCell(`${namespace};`) } : cellsOf(null);
}

function during(ttl: number | undefined): Expiry {
  return ttl === undefined ? {} : { ttl };
}
