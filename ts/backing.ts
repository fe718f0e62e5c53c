/**
 * What stands behind a driver: a database that it was given, or one of its own.
 *
 * @module
 */

import { resolve } from 'node:path';
import type { Database } from './database.js';
import { CoppiceError, closed, invalid } from './errors.js';
import { DRIVER_BATCH_BYTES } from './limits.js';
import { type OpenOptions, open } from './open.js';
import { checkNames, names } from './options/check.js';
import { checkPath, resolveOpen } from './options/open.js';
import type { Expiry } from './options/write.js';
import { Tree } from './sublevel.js';
import type { Writer } from './writer.js';

/** A database that is open, or a sublevel of one. The driver leaves it open. */
export interface GivenDatabase {
  /** The database or sublevel. Its encodings do not matter: a driver has its own. */
  db: Writer<unknown, unknown>;
  path?: undefined;
}

/**
 * A folder, and the options of `open` but for encodings, which a driver has of its own. The database is opened when it is first
 * used, and closed with the driver. `durability` is `process`, unless it is named.
 */
export interface OwnDatabase extends Omit<OpenOptions, 'keyEncoding' | 'valueEncoding'> {
  /** The folder. */
  path: string;
  db?: undefined;
}

/** Where a driver keeps what it is told to keep. */
export type DriverDatabase = GivenDatabase | OwnDatabase;

/** A driver sees the database as a `T`, which is made when that is open. */
export class Backing<T> {
  readonly #of: string;
  readonly #open: () => Promise<Tree<unknown, unknown>>;
  readonly #see: (db: Tree<unknown, unknown>) => T;
  #opened: Promise<T> | undefined;
  #own: Database<unknown, unknown> | undefined;
  #closing: Promise<void> | undefined;

  /** Opens nothing yet. `of`: how messages name the driver. */
  constructor(options: DriverDatabase, of: string, see: (db: Tree<unknown, unknown>) => T) {
    this.#of = of;
    this.#see = see;
    if (typeof options !== 'object' || options === null) throw invalid(`the options of ${of}`, 'an object', options);
    this.#open = options.db === undefined ? this.#opensOwn(options) : given(options, of);
  }

  /** What the driver works with. Opens the database if that was not done; one that did not open is tried again by the next call. */
  ready(): Promise<T> {
    if (this.#closing !== undefined) return Promise.reject(closed(this.#of));
    if (this.#opened === undefined) {
      const opened = this.#open().then(this.#see);
      opened.catch(() => {
        this.#opened = undefined;
      });
      this.#opened = opened;
    }
    return this.#opened;
  }

  /** Refuses further calls; a database of its own is closed when what was called before is done. Harmless twice. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#opened?.catch(() => {});
    await this.#own?.close();
  }

  #opensOwn({ path, ...options }: OwnDatabase): () => Promise<Tree<unknown, unknown>> {
    // The same one when the process has gone elsewhere by the first call.
    const folder = resolve(checkPath(path));
    for (const option of ['keyEncoding', 'valueEncoding'].filter((name) => name in options)) {
      throw new CoppiceError('INVALID', `${this.#of} has a ${option} of its own`, { details: { option } });
    }
    const opening = { durability: 'process', ...options } as const;
    resolveOpen(opening);
    return async () => {
      this.#own = await open<unknown, unknown>(folder, opening);
      return this.#own;
    };
  }
}

function given(options: GivenDatabase, of: string): () => Promise<Tree<unknown, unknown>> {
  checkNames(options, names(`${of} over an open database`, ['db']));
  const { db } = options;
  if (!(db instanceof Tree)) throw invalid('db', 'an open database, or a sublevel of one', db);
  return async () => db;
}

/** A value that is to be put. */
export interface Row<K, V> extends Expiry {
  key: K;
  value: V;
}

/** Puts many values: as one commit, or as several if they are more than some megabytes. */
export async function putAll<K, V>(db: Tree<K, V>, rows: Iterable<Row<K, V>>): Promise<void> {
  let batch = db.batch();
  try {
    for (const { key, value, ...expiry } of rows) {
      batch.put(key, value, expiry);
      if (batch.bytes < DRIVER_BATCH_BYTES) continue;
      await batch.write();
      batch = db.batch();
    }
    await batch.write();
  } finally {
    batch.close();
  }
}
