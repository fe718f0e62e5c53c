/**
 * An iterator of K4: over all pairs, in the order of their keys, in both directions.
 *
 * @module
 */

import { Chunks } from '../chunks.js';
import { type Encoded, kept } from '../encoding/index.js';
import { closed } from '../errors.js';
import type { Bounds, Rows } from '../native/types.js';
import { names } from '../options/check.js';
import { KEY_RANGE, type KeyRange, keyRange, startAfter, startAt } from '../options/range.js';
import { Pin } from '../pin.js';
import type { Parts } from '../reader.js';

const RANGE = names('an iterator', KEY_RANGE);

/**
 * Pairs in the order of their keys, as they were when the iterator was made or last `reset`, whatever is written meanwhile.
 *
 * It stands on the pair that it gave last. `next` gives the pair after that one, `prev` the one before; at either end they give
 * `null`, and the iterator then stands beyond the end, so that the other direction gives the last, or first, pair again. A new
 * one stands before the first pair.
 *
 * Reads on the calling thread. While it is open the engine keeps what it sees: close it, or let `using` do so.
 */
export class K4Iterator<K, V> implements Disposable {
  readonly #parts: Parts<K, V>;
  readonly #bounds: Bounds;
  #pin: Pin | undefined;
  /** Rows in the direction of the last step; none: it stands beyond the end in that direction. */
  #chunks: Chunks | undefined;
  /** The stored key of the pair that was given last: whoever got it may change its bytes. */
  #stands: Encoded | undefined;
  #reverse = true;

  /** @internal */
  constructor(parts: Parts<K, V>, range: KeyRange<K>) {
    this.#parts = parts;
    const { lower, upper, ...bounds } = keyRange(range, RANGE, parts.space);
    // Who gave the keys may change their bytes.
    this.#bounds = { ...bounds, lower: lower && kept(lower), upper: upper && kept(upper) };
    this.#pin = this.#pinned();
  }

  /** The pair after the one that was given last; `null` at the end. */
  next(): [K, V] | null {
    return this.#step(false);
  }

  /** The pair before the one that was given last; `null` at the beginning. */
  prev(): [K, V] | null {
    return this.#step(true);
  }

  /** Goes to the first pair at or after a key and gives it; `null` if there is none. */
  seek(key: K): [K, V] | null {
    const bounds = { ...this.#bounds };
    startAt(bounds, this.#parts.space.encodeKey(key), false);
    this.#open(bounds, false);
    return this.#step(false);
  }

  /** Begins anew: before the first pair, of what there is now. */
  reset(): void {
    this.#live();
    const pin = this.#pinned();
    this.close();
    this.#pin = pin;
    this.#reverse = true;
  }

  /** Lets go of what it holds. Harmless twice. */
  close(): void {
    this.#chunks?.close();
    this.#chunks = undefined;
    this.#stands = undefined;
    this.#pin?.release();
    this.#pin = undefined;
  }

  /** What `using` calls: `close`. */
  [Symbol.dispose](): void {
    this.close();
  }

  #step(reverse: boolean): [K, V] | null {
    this.#live();
    if (reverse !== this.#reverse) this.#turn();
    const chunks = this.#chunks;
    if (!chunks?.advance()) {
      this.#chunks = undefined;
      this.#stands = undefined;
      return null;
    }
    const rows = chunks.rows as Rows;
    this.#stands = kept(rows.key(chunks.index));
    return this.#parts.space.entry(rows, chunks.index);
  }

  /** From the row on which it stands, or from the end, the other way. */
  #turn(): void {
    const bounds = { ...this.#bounds };
    if (this.#stands !== undefined) startAfter(bounds, this.#stands, !this.#reverse);
    this.#open(bounds, !this.#reverse);
  }

  #open(bounds: Bounds, reverse: boolean): void {
    const pin = this.#live();
    const { keys, values } = this.#parts.space;
    this.#chunks?.close();
    this.#reverse = reverse;
    const rows = { ...bounds, reverse, keys: keys.form, values: values.form };
    this.#chunks = new Chunks(pin, rows, Number.POSITIVE_INFINITY, undefined, undefined);
  }

  #live(): Pin {
    if (this.#pin === undefined) throw closed('iterator');
    return this.#pin;
  }

  #pinned(): Pin {
    const { handle } = this.#parts;
    return new Pin(handle, handle.live().snapshot());
  }
}
