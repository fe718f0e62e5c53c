/**
 * What both stores of Keyv do with the database: a namespace and a key are a tuple, so that any two differ whatever is in them, and a
 * namespace is one range.
 *
 * @module
 */

import { EventEmitter } from 'node:events';
import { Backing, type DriverDatabase, putAll, type Row } from '../backing.js';
import type { Database } from '../database.js';
import { type Codec, keyCodec, type Tuple } from '../encoding/index.js';
import { type CoppiceError, invalid } from '../errors.js';
import type { KeyRange } from '../options/range.js';
import type { Expiry } from '../options/write.js';
import { Tree } from '../sublevel.js';
import { values } from './values.js';

/** Where a value stands. */
export type Cell = readonly [namespace: string | null, key: string];
export type Cells = KeyRange<Tuple>;

export function cell(namespace: string | null, key: unknown): Cell {
  if (typeof key === 'string') return [namespace, key];
  throw invalid('key', 'a string', key);
}

/** What stands in a namespace. */
export function cellsOf(namespace: string | null): Cells {
  return { prefix: [namespace] };
}

const KEYS = keyCodec('tuple') as Codec<Tuple>;

/** Emits `error` for what fails in the background of a database of its own. */
export class CellStore extends EventEmitter<{ error: [error: CoppiceError] }> {
  readonly #backing: Backing<Tree<Tuple, unknown>>;

  constructor(options: DriverDatabase, of: string) {
    super();
    // Each Keyv over it listens.
    this.setMaxListeners(0);
    this.#backing = new Backing(options, of, (db) => {
      if (options.db === undefined) {
        (db as Database<unknown, unknown>).on('error', (error) => {
          // Node would end a process in which nobody listens, and the writes that it concerns are told anyway.
          if (this.listenerCount('error') > 0) this.emit('error', error);
        });
      }
      return Tree.recoded(db, KEYS, values);
    });
  }

  /** Closes the database, if the store has opened it. Afterwards every call rejects with `COPPICE_CLOSED`. Harmless twice. */
  async disconnect(): Promise<void> {
    await this.#backing.close();
  }

  protected async read(cells: readonly Cell[]): Promise<unknown[]> {
    return (await this.#backing.ready()).getMany(cells);
  }

  protected async holds(cells: readonly Cell[]): Promise<boolean[]> {
    const db = await this.#backing.ready();
    return Promise.all(cells.map((cell) => db.has(cell)));
  }

  protected async write(cell: Cell, value: unknown, expiry: Expiry): Promise<void> {
    await (await this.#backing.ready()).put(cell, value, expiry);
  }

  protected async writeAll(rows: readonly Row<Cell, unknown>[]): Promise<void> {
    await putAll(await this.#backing.ready(), rows);
  }

  /** Answers which of them there were: of those who remove the same, one is told that it was there. */
  protected async remove(cells: readonly Cell[]): Promise<boolean[]> {
    const db = await this.#backing.ready();
    return db.transaction(
      async (transaction) => {
        const there = await Promise.all(cells.map((cell) => transaction.has(cell)));
        for (const cell of cells.filter((_, i) => there[i])) transaction.del(cell);
        return there;
      },
      { isolation: 'snapshot' },
    );
  }

  protected async removeAll(cells: Cells): Promise<void> {
    await (await this.#backing.ready()).delRange(cells);
  }

  /** The keys and values of a range as of one moment, whatever is written meanwhile. */
  protected async *readAll(cells: Cells): AsyncGenerator<[string, unknown], void, undefined> {
    for await (const [cell, value] of (await this.#backing.ready()).entries(cells)) yield [cell[1] as string, value];
  }
}
