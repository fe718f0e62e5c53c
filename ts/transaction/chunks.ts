/**
 * A range that a transaction reads: of its snapshot, with what it has written before the first row was asked for on top. It says what it
 * has given out: that much of the keys has been read, and no more.
 *
 * @module
 */

import { Chunks } from '../chunks.js';
import { type Encoded, kept } from '../encoding/index.js';
import type { Bounds, Rows, RowsOptions } from '../native/types.js';
import { spanOf, startAt } from '../options/range.js';
import { MergedRows, within } from './rows.js';
import type { State } from './state.js';

export class TransactionChunks extends Chunks {
  readonly #state: State;
  readonly #reverse: boolean;
  /** What is still to be read, since the last `seek` that skipped something. None before the first row was asked for. */
  #bounds: Bounds | undefined;
  /** The last key that was given out: whoever got it may change its bytes. */
  #last: Encoded | undefined;

  constructor(
    state: State,
    options: RowsOptions,
    limit: number,
    batchSize: number | undefined,
    signal: AbortSignal | undefined,
  ) {
    super(state.pin, options, limit, batchSize, signal);
    this.#state = state;
    this.#reverse = options.reverse === true;
    state.ranges.add(this);
  }

  protected override openRows(options: RowsOptions): Rows {
    this.#state.live();
    const { lower, lowerInclusive = true, upper, upperInclusive = false } = options;
    this.#bounds = { lower: lower && kept(lower), lowerInclusive, upper: upper && kept(upper), upperInclusive };
    const view = within(this.#state.writes.view(), this.#bounds);
    if (view === undefined) return super.openRows(options);
    const { limit: _, ...unlimited } = options;
    return new MergedRows(super.openRows(unlimited), unlimited, view);
  }

  override advance(): boolean {
    this.#state.live();
    if (!super.advance()) return false;
    const rows = this.rows as Rows;
    this.#last = kept(rows.key(this.index));
    if (rows.revision(this.index) > 0) this.#state.sawRow(rows, this.index);
    return true;
  }

  override seek(key: Encoded): void {
    this.#state.live();
    super.seek(key);
    if (this.#bounds === undefined || !this.isPast(key, this.#last)) return;
    // What it passes over is not read.
    this.settle();
    startAt(this.#bounds, kept(key), this.#reverse);
  }

  override close(): void {
    if (this.closed) return;
    super.close();
    this.settle();
    this.#state.ranges.delete(this);
  }

  /** Tells what was read so far. */
  settle(): void {
    if (this.#bounds === undefined) return;
    const read = { ...this.#bounds };
    if (!this.exhausted) {
      if (this.#last === undefined) return;
      startAt(read, this.#last, !this.#reverse);
    }
    const span = spanOf(read);
    if (span !== undefined) this.#state.sawRange(span);
  }
}
