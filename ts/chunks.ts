/**
 * A range being read, chunk by chunk: when to fetch, how much, where it stands.
 *
 * Nothing is opened before the first row is asked for; from then on the range sees the state of that moment. A chunk is
 * one native call; rows of it are read without touching the engine. Single-use, and not shared between threads.
 *
 * @module
 */

import { throwIfAborted } from './abort.js';
import type { Encoded } from './encoding/index.js';
import { CoppiceError, closed } from './errors.js';
import { ROWS_FIRST, ROWS_GROWTH, ROWS_MAX, ROWS_PER_TURN } from './limits.js';
import type { Rows, RowsOptions } from './native/types.js';
import { compare, startAt } from './options/range.js';
import type { Pin } from './pin.js';

export class Chunks {
  /** The chunk that `index` counts in. Only after `advance` answered true. */
  rows: Rows | undefined;
  /** The row of the chunk that was last reached. */
  index = -1;

  readonly #pin: Pin;
  readonly #options: RowsOptions;
  readonly #signal: AbortSignal | undefined;
  readonly #batchSize: number | undefined;
  #count = 0;
  /** Rows that may still be fetched. */
  #left: number;
  readonly #limited: boolean;
  #next: number;
  #sinceTurn = 0;
  /** Pending while another thread waits for the disk. */
  #warming: Promise<void> | undefined;
  #closed = false;
  /** Whether every row of the range was given out. */
  #exhausted = false;
  /** Where the engine was told to go on. */
  #sought: Encoded | undefined;
  /** `position` while no chunk is at hand. */
  #position: string | Buffer | undefined;

  constructor(
    pin: Pin,
    options: RowsOptions,
    limit: number,
    batchSize: number | undefined,
    signal: AbortSignal | undefined,
  ) {
    this.#pin = pin;
    this.#options = options;
    this.#signal = signal;
    this.#batchSize = batchSize;
    this.#left = limit;
    this.#limited = limit !== Number.POSITIVE_INFINITY;
    if (this.#limited) options.limit = limit;
    // A short range is fetched by one call.
    this.#next = batchSize ?? (limit <= ROWS_MAX ? Math.max(1, limit) : ROWS_FIRST);
  }

  /** Goes to the next row; answers whether there is one. Waits for the disk on this thread, unless `prepare` has. */
  advance(): boolean {
    if (this.ready === 0 && !this.#fetch(true)) return false;
    this.index++;
    return true;
  }

  /** Sees to it that `advance` need not wait for the disk: a promise where another thread has to wait first. */
  prepare(): Promise<void> | undefined {
    if (this.#warming !== undefined) return this.#warming;
    if (this.ready > 0 || this.#fetch(false) || this.#closed) return undefined;
    this.#warming = this.#warm(this.rows as Rows);
    return this.#warming;
  }

  async #warm(rows: Rows): Promise<void> {
    try {
      await rows.warm();
    } catch (error) {
      this.close();
      throw error;
    } finally {
      this.#warming = undefined;
    }
    this.#fetch(false);
  }

  /** Rows of the chunk at hand that were not reached yet. */
  get ready(): number {
    return this.#count - this.index - 1;
  }

  /** Whether the event loop should run before the next row: a chunk is used up and enough rows came in a row. */
  get turnDue(): boolean {
    return this.#sinceTurn >= ROWS_PER_TURN && this.ready === 0;
  }

  /** Says that the event loop ran. */
  turned(): void {
    this.#sinceTurn = 0;
  }

  get closed(): boolean {
    return this.#closed;
  }

  get exhausted(): boolean {
    return this.#exhausted;
  }

  /** The stored key of the last row that was reached, if any. */
  get position(): string | Buffer | undefined {
    return this.index >= 0 ? this.rows?.key(this.index) : this.#position;
  }

  /** Skips to the first row at or past `key`, in reading direction; stays where it is if that was passed already. */
  seek(key: Encoded): void {
    if (this.#closed) throw closed('range');
    if (this.#options.of !== undefined) {
      throw new CoppiceError('INVALID', 'the history of a key holds that key alone: there is nothing to seek');
    }
    if (this.rows === undefined) {
      startAt(this.#options, key, this.#options.reverse === true);
      return;
    }
    if (this.#limited) {
      throw new CoppiceError('INVALID', 'seek in a range with a limit must come before its first row');
    }
    if (!this.isPast(key, this.position) || !this.isPast(key, this.#sought)) return;
    this.index = this.#lastBefore(key);
    if (this.ready > 0 || this.rows.done) return;
    this.rows.seek(key);
    this.#sought = key;
  }

  /**
   * Goes to the first row at or past `key`, in reading direction, also back to where it was before; what the range sees stays the
   * same. Answers whether it could: not once its end was reached, where the engine has let go of it. Of a range without a limit.
   */
  jump(key: Encoded): boolean {
    if (this.#closed || this.rows?.done === true) return false;
    this.#open().seek(key);
    this.#pin.done();
    this.index = -1;
    this.#count = 0;
    // Who seeks about mostly wants one row of each place.
    this.#next = this.#batchSize ?? 1;
    return true;
  }

  /** Whether `key` comes after `other` in reading direction. */
  protected isPast(key: Encoded, other: Encoded | undefined): boolean {
    return other === undefined || Math.sign(compare(key, other)) === (this.#options.reverse ? -1 : 1);
  }

  /** The last row of the chunk that stands before `key`, in reading direction; not before the one last reached. */
  #lastBefore(key: Encoded): number {
    const rows = this.rows as Rows;
    let low = this.index;
    let high = this.#count;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.isPast(key, rows.key(middle))) low = middle;
      else high = middle;
    }
    return low;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#count = Math.min(this.#count, this.index + 1);
    this.rows?.close();
  }

  #open(): Rows {
    if (this.rows === undefined) {
      this.#options.snapshot = this.#pin.number();
      this.rows = this.openRows(this.#options);
    }
    return this.rows;
  }

  /** What the rows come from. */
  protected openRows(options: RowsOptions): Rows {
    return this.#pin.handle.live().rows(options);
  }

  /** Makes the next chunk the one at hand; false at the end, and where that would have to wait for the disk. */
  #fetch(wait: boolean): boolean {
    if (this.#closed) return false;
    try {
      throwIfAborted(this.#signal, 'the range');
      return this.#fetchFrom(this.#open(), wait);
    } catch (error) {
      this.close();
      throw error;
    } finally {
      this.#pin.done();
    }
  }

  #fetchFrom(rows: Rows, wait: boolean): boolean {
    const usedUp = this.#count > 0 && rows.done;
    const wanted = Math.min(this.#next, this.#left);
    // At the limit nobody knows whether more would follow.
    if (usedUp || wanted === 0) return this.#end(this.#left > 0);
    // The chunk at hand is gone from here on, also if fetching the next one fails.
    if (this.#options.keys !== undefined) this.#position = this.position;
    this.#count = 0;
    this.index = -1;
    const count = rows.next(wanted, wait);
    if (count === 0) return !rows.cold && this.#end(true);
    if (this.#batchSize === undefined) this.#next = Math.min(this.#next * ROWS_GROWTH, ROWS_MAX);
    this.#left -= count;
    this.#sinceTurn += count;
    this.#count = count;
    return true;
  }

  #end(exhausted: boolean): false {
    this.#exhausted = exhausted;
    this.close();
    return false;
  }
}
