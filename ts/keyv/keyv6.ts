/**
 * The store for Keyv 6, which says when an entry expires and leaves namespaces to the store.
 *
 * @module
 */

import type { DriverDatabase } from '../backing.js';
import { CoppiceError } from '../errors.js';
import type { Expiry } from '../options/write.js';
import { type Cell, CellStore, cell, cellsOf } from './cells.js';

/** What Keyv gives to be stored: text; with `serialization: false` the value and when it expires. */
export type KeyvStored<Value> = string | { value?: Value; expires?: number | undefined };

/** One of many entries to be stored. */
export interface KeyvEntry {
  key: string;
  value: unknown;
  /** When it expires, in Unix milliseconds. */
  expires?: number | undefined;
}

const ASYNC = { exists: true, methodType: 'async' } as const;

/** No deadline of today is so early, and no duration, which Keyv 5 gives in its place, is so long. */
const DEADLINE_MS_MIN = Date.UTC(1980);

/**
 * Keeps what Keyv 6 is given in Coppice: in a folder, or in a database or sublevel that is open. An entry is gone, for everyone who
 * reads, from the millisecond on at which it expires, also after a restart. Two namespaces share nothing, whatever is in their names and
 * keys. `setMany` and `deleteMany` are one commit each, `setMany` more than one if it is over 8 MiB; an iterator goes on with what
 * there was when it began.
 *
 * @example
 * ```ts
 * import { KeyvCoppice } from 'coppice/keyv';
 * import Keyv from 'keyv';
 *
 * const sessions = new Keyv({ store: new KeyvCoppice('./sessions'), namespace: 'sessions' });
 * await sessions.set('token', { user: 'ada' }, 15 * 60_000);
 * console.log(await sessions.get('token')); // { user: 'ada' }
 * await sessions.disconnect();
 * ```
 */
export class KeyvCoppice extends CellStore {
  /** The namespace of what is read and written; Keyv sets it, so that each Keyv with a namespace needs a store of its own. */
  namespace: string | undefined = undefined;

  /** By this, `expires` above all, Keyv 6 knows a store that was made for it. */
  readonly capabilities = {
    compatible: true,
    store: 'keyvStorage',
    expires: true,
    methods: {
      get: ASYNC,
      getMany: ASYNC,
      has: ASYNC,
      hasMany: ASYNC,
      set: ASYNC,
      setMany: ASYNC,
      delete: ASYNC,
      deleteMany: ASYNC,
      clear: ASYNC,
      disconnect: ASYNC,
      iterator: { exists: true, methodType: 'sync' },
    },
  } as const;

  /**
   * Opens nothing yet: that is done by the first call that needs it.
   *
   * @param database A folder, the same with options of `open`, or `{ db }`: what is open already.
   * @throws `COPPICE_INVALID` for an option, which is named.
   */
  constructor(database: string | DriverDatabase) {
    super(typeof database === 'string' ? { path: database } : database, 'KeyvCoppice');
  }

  /** The value of a key, or `undefined`. */
  async get<Value>(key: string): Promise<KeyvStored<Value> | undefined> {
    const [value] = await this.read([this.#cell(key)]);
    return value as KeyvStored<Value> | undefined;
  }

  /** The values of many keys, as of one moment. */
  async getMany<Value>(keys: string[]): Promise<(KeyvStored<Value> | undefined)[]> {
    return (await this.read(keys.map(this.#cell))) as (KeyvStored<Value> | undefined)[];
  }

  /** Whether a key has a value. */
  async has(key: string): Promise<boolean> {
    const [there] = await this.holds([this.#cell(key)]);
    return there === true;
  }

  /** Which of the keys have a value. */
  async hasMany(keys: string[]): Promise<boolean[]> {
    return this.holds(keys.map(this.#cell));
  }

  /** Stores a value. `expires`: until when, in Unix milliseconds; by default for ever. */
  async set(key: string, value: unknown, expires?: number): Promise<boolean> {
    await this.write(this.#cell(key), value, until(expires));
    return true;
  }

  /** Stores many values; all of them are stored, or it rejects. */
  async setMany(entries: KeyvEntry[]): Promise<boolean[]> {
    await this.writeAll(entries.map(({ key, value, expires }) => ({ key: this.#cell(key), value, ...until(expires) })));
    return entries.map(() => true);
  }

  /** Removes a key; answers whether it had a value. */
  async delete(key: string): Promise<boolean> {
    const [there] = await this.remove([this.#cell(key)]);
    return there === true;
  }

  /** Removes many keys; answers which had a value. */
  async deleteMany(keys: string[]): Promise<boolean[]> {
    return this.remove(keys.map(this.#cell));
  }

  /** Removes everything in the namespace; without one, what was stored without one. */
  async clear(): Promise<void> {
    await this.removeAll(cellsOf(this.#space));
  }

  /** Keys and values of the namespace, in the order of the keys. */
  iterator<Value>(): AsyncGenerator<[string, Awaited<Value> | undefined], void> {
    return this.readAll(cellsOf(this.#space)) as AsyncGenerator<[string, Awaited<Value>], void>;
  }

  get #space(): string | null {
    // To Keyv an empty namespace is none.
    return this.namespace || null;
  }

  readonly #cell = (key: string): Cell => cell(this.#space, key);
}

function until(expires: number | undefined): Expiry {
  // As with other stores 0 is none.
  if (expires === undefined || expires === 0) return {};
  if (expires > 0 && expires < DEADLINE_MS_MIN) {
    const message = `expires must be a time, not ${expires} ms, which Keyv 5 would give: its store is KeyvCoppice5`;
    throw new CoppiceError('INVALID', message, { details: { option: 'expires' } });
  }
  return { expiresAt: new Date(expires) };
}
