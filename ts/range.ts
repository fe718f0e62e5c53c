/**
 * What `entries`, `records`, `keys` and `values` answer: rows in key order, read lazily.
 *
 * @module
 */

import type { Chunks } from './chunks.js';
import { closed } from './errors.js';
import type { Keyspace, MakeRow } from './keyspace.js';
import type { Rows } from './native/types.js';
import { formatCursor } from './options/range.js';

const DONE: IteratorResult<never, undefined> = { done: true, value: undefined };

/**
 * Rows in key order. Nothing is read before the first row is asked for; from then on the range sees the database as it
 * was at that moment (or as its `snapshot` does), whatever is written meanwhile.
 *
 * A range is read once, in one of these ways: `for await`, which lets the event loop run every 1,000 rows; `for ... of`,
 * which does not; `toArray`, `toArraySync`, `first`. It is closed by its end, by `break`, `return`, `throw` or `close`;
 * reading it again rejects with `COPPICE_CLOSED`.
 *
 * @example
 * ```ts
 * import { open } from 'coppice';
 *
 * const db = await open('./data');
 * await db.batch([
 *   { type: 'put', key: 'user/ada', value: '1815' },
 *   { type: 'put', key: 'user/grace', value: '1906' },
 * ]);
 * for await (const [key, value] of db.entries({ prefix: 'user/', reverse: true, limit: 10 })) console.log(key, value);
 * await db.close();
 * ```
 */
export class Range<T> implements AsyncIterable<T>, Iterable<T>, AsyncDisposable, Disposable {
  readonly #chunks: Chunks;
  readonly #make: MakeRow<T>;
  readonly #space: Keyspace<unknown, unknown>;
  readonly #reverse: boolean;
  readonly #resumed: string | undefined;

  /** @internal */
  constructor(
    chunks: Chunks,
    make: MakeRow<T>,
    space: Keyspace<unknown, unknown>,
    reverse: boolean,
    resumed: string | undefined,
  ) {
    this.#chunks = chunks;
    this.#make = make;
    this.#space = space;
    this.#reverse = reverse;
    this.#resumed = resumed;
  }

  /**
   * Where the range stands, after the last row it gave out, as text for the `cursor` option of a later range with the
   * same direction, in this or another process. `undefined` once the end is reached: there is nothing more. A range that
   * stops at its `limit` has a cursor even if nothing happens to follow.
   *
   * @example
   * ```ts
   * import { open } from 'coppice';
   *
   * const db = await open('./data');
   * let cursor: string | undefined;
   * do {
   *   const page = db.keys({ limit: 100, cursor });
   *   console.log(await page.toArray());
   *   cursor = page.cursor;
   * } while (cursor !== undefined);
   * await db.close();
   * ```
   */
  get cursor(): string | undefined {
    if (this.#chunks.exhausted) return undefined;
    const key = this.#chunks.position;
    if (key === undefined) return this.#resumed;
    const skip = this.#space.prefix.length;
    return formatCursor(typeof key === 'string' ? key.slice(skip) : key.subarray(skip), this.#reverse);
  }

  /**
   * Every remaining row. Lets the event loop run every 1,000 rows; all of them are in memory at once, so give a `limit` where
   * there may be many.
   *
   * @example
   * ```ts
   * import { open } from 'coppice';
   *
   * const db = await open('./data');
   * await db.put('a', '1');
   * console.log(await db.entries({ limit: 100 }).toArray()); // [ [ 'a', '1' ] ]
   * await db.close();
   * ```
   */
  async toArray(): Promise<T[]> {
    this.#checkOpen();
    return this.take(Number.POSITIVE_INFINITY);
  }

  /** Every remaining row, read in one go on the calling thread. */
  toArraySync(): T[] {
    this.#checkOpen();
    const all: T[] = [];
    while (this.#gather(all));
    return all;
  }

  /**
   * The next row, or `undefined` at the end; closes the range.
   *
   * @example
   * ```ts
   * import { open } from 'coppice';
   *
   * const db = await open('./data');
   * await db.batch(['2024', '2025'].map((key) => ({ type: 'put', key, value: `year ${key}` })));
   * console.log(await db.values({ reverse: true }).first()); // year 2025
   * await db.close();
   * ```
   */
  async first(): Promise<T | undefined> {
    this.#checkOpen();
    await this.#chunks.prepare();
    const { value } = this.#next();
    this.#chunks.close();
    return value;
  }

  /**
   * Skips to the first row at or past `key`, in reading direction and within the bounds of the range. It never goes
   * back: a key that was passed leaves the range where it stands.
   *
   * @throws `COPPICE_CLOSED` once the range was closed or read to its end.
   * @throws `COPPICE_INVALID` for a range with a `limit` of which a row was read.
   * @example
   * ```ts
   * import { open } from 'coppice';
   *
   * const db = await open('./data');
   * // One row of each group, without reading the rest of it.
   * const range = db.keys();
   * for (const key of range) {
   *   console.log(key);
   *   range.seek(`${key.split('/', 1)[0]}0`); // "0" follows "/"
   * }
   * await db.close();
   * ```
   */
  seek(key: unknown): this {
    this.#chunks.seek(this.#space.encodeKey(key));
    return this;
  }

  /** As `seek`, also back; answers whether it could, see `Chunks.jump`. @internal */
  jump(key: unknown): boolean {
    return this.#chunks.jump(this.#space.encodeKey(key));
  }

  /** Lets go of what the range holds. Harmless twice. */
  close(): Promise<void> {
    this.#chunks.close();
    return Promise.resolve();
  }

  /** What `for` calls. Reads the disk on the calling thread where rows are not in memory. Ending the loop early closes the range. */
  [Symbol.iterator](): Iterator<T, undefined> {
    this.#checkOpen();
    return {
      next: () => this.#next(),
      return: () => {
        this.#chunks.close();
        return DONE;
      },
    };
  }

  /** What `for await` calls. Ending the loop early closes the range. */
  [Symbol.asyncIterator](): AsyncIterator<T, undefined> {
    this.#checkOpen();
    return {
      next: () => (this.#chunks.turnDue ? this.#nextAfterTurn() : this.#nextAsync()),
      return: () => {
        this.#chunks.close();
        return Promise.resolve(DONE);
      },
    };
  }

  /** What `using` calls: `close`. */
  [Symbol.dispose](): void {
    this.#chunks.close();
  }

  /** What `await using` calls: `close`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #next(): IteratorResult<T, undefined> {
    const chunks = this.#chunks;
    return chunks.advance() ? { done: false, value: this.#row(chunks.rows as Rows, chunks.index) } : DONE;
  }

  #nextAsync(): Promise<IteratorResult<T, undefined>> {
    try {
      const prepared = this.#chunks.prepare();
      return prepared === undefined ? Promise.resolve(this.#next()) : prepared.then(() => this.#next());
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async #nextAfterTurn(): Promise<IteratorResult<T, undefined>> {
    await this.#turn();
    return this.#nextAsync();
  }

  /** At most so many of the next rows; none at the end. Lets the event loop run every 1,000 rows. @internal */
  async take(size: number): Promise<T[]> {
    const rows: T[] = [];
    while (rows.length < size && (await this.#gatherChunk(rows, size)));
    return rows;
  }

  /** The rest of the chunk at hand, or the next chunk; none at the end. Lets the event loop run every 1,000 rows. @internal */
  async takeChunk(): Promise<T[]> {
    const rows: T[] = [];
    await this.#gatherChunk(rows);
    return rows;
  }

  /** The same rows, made into something else. @internal */
  map<U>(make: (row: T) => U): Range<U> {
    return new Range(this.#chunks, (rows, i) => make(this.#make(rows, i)), this.#space, this.#reverse, this.#resumed);
  }

  async #gatherChunk(all: T[], most?: number): Promise<boolean> {
    if (this.#chunks.turnDue) await this.#turn();
    const prepared = this.#chunks.prepare();
    if (prepared !== undefined) await prepared;
    return this.#gather(all, most);
  }

  /** Appends the rest of the chunk at hand, or the next one, until there are so many; answers whether there was a row. */
  #gather(all: T[], most = Number.POSITIVE_INFINITY): boolean {
    const chunks = this.#chunks;
    if (!chunks.advance()) return false;
    const rows = chunks.rows as Rows;
    all.push(this.#row(rows, chunks.index));
    while (all.length < most && chunks.ready > 0 && chunks.advance()) all.push(this.#row(rows, chunks.index));
    return true;
  }

  /** A row that cannot be decoded ends the range. */
  #row(rows: Rows, index: number): T {
    try {
      return this.#make(rows, index);
    } catch (error) {
      this.#chunks.close();
      throw error;
    }
  }

  #turn(): Promise<void> {
    this.#chunks.turned();
    return new Promise((resolve) => setImmediate(resolve));
  }

  #checkOpen(): void {
    if (this.#chunks.closed) throw closed('range');
  }
}
