/**
 * What a transaction has written so far: of each key the last put or del, and which ranges it has deleted.
 *
 * Order is resolved as the writes come, so that what is read back and what is committed are one thing: first the ranges are
 * deleted, then the keys are written. Bounded as the batch is that it becomes.
 *
 * @module
 */

import { bytesOf, type Encoded } from '../encoding/index.js';
import { CoppiceError } from '../errors.js';
import { BATCH_BYTES_MAX, KEY_BYTES_MAX, LARGE_BYTES_MAX, LARGE_VALUE_BYTES, VALUE_BYTES_MAX } from '../limits.js';
import type { Slab } from '../native/types.js';
import type { Span } from '../options/range.js';
import { type Part, Spans } from './spans.js';

/** A key that the transaction has written. Never changed. */
export interface Own {
  readonly key: Buffer;
  /** None: it was deleted. */
  readonly value: Encoded | undefined;
  readonly deadlineMs: number | undefined;
}

/** What was written up to a moment, in key order. */
export interface View {
  readonly own: readonly Own[];
  readonly deleted: readonly Part[];
}

/** What the log needs for a commit besides its operations. */
export const HEADER_BYTES = 32;
/** And for an operation, at most, besides key and value. */
export const OP_BYTES = 20;

export class Writes {
  #own: Own[] = [];
  /** Whether a view has `#own`, which then must not change. */
  #shared = false;
  readonly #deleted = new Spans();
  #bytes = HEADER_BYTES;
  #largeBytes = 0;

  get isEmpty(): boolean {
    return this.#own.length === 0 && this.#deleted.parts.length === 0;
  }

  /** As it is now, whatever is written later. */
  view(): View {
    this.#shared = true;
    return { own: this.#own, deleted: this.#deleted.parts };
  }

  /** What the transaction has made of a key; undefined if nothing. */
  find(key: Encoded): Own | undefined {
    if (this.isEmpty) return undefined;
    const bytes = bytesOf(key);
    const own = this.#own[lowerBound(this.#own, bytes)];
    if (own?.key.equals(bytes)) return own;
    return this.#deleted.holding(bytes) && { key: bytes, value: undefined, deadlineMs: undefined };
  }

  put(key: Encoded, value: Encoded, deadlineMs: number | undefined): void {
    const bytes = typeof value === 'string' ? Buffer.byteLength(value) : value.length;
    if (bytes > VALUE_BYTES_MAX) throw tooLarge('value', bytes, VALUE_BYTES_MAX);
    // As in a batch, what is larger is not copied, but left alone by whoever gave it.
    const kept = typeof value === 'string' || bytes > LARGE_VALUE_BYTES ? value : Buffer.from(value);
    this.#set({ key: copied(key), value: kept, deadlineMs });
  }

  del(key: Encoded): void {
    this.#set({ key: copied(key), value: undefined, deadlineMs: undefined });
  }

  delRange(span: Span): void {
    const [lower, upper] = [bytesOf(span.lower), bytesOf(span.upper)];
    this.#admit(OP_BYTES + lower.length + upper.length, 0);
    this.#deleted.add(span);
    const from = lowerBound(this.#own, lower);
    const until = upper.length === 0 ? this.#own.length : lowerBound(this.#own, upper);
    if (from < until) for (const own of this.#changeable().splice(from, until - from)) this.#weigh(own, -1);
  }

  pack(slab: Slab): void {
    for (const { lower, upper } of this.#deleted.parts) slab.delRange(lower, upper);
    for (const { key, value, deadlineMs } of this.#own) {
      if (value !== undefined) slab.put(key, value, deadlineMs);
      else if (this.#deleted.holding(key) === undefined) slab.del(key);
    }
  }

  #set(own: Own): void {
    if (own.key.length > KEY_BYTES_MAX) throw tooLarge('key', own.key.length, KEY_BYTES_MAX);
    const at = lowerBound(this.#own, own.key);
    const before = this.#own[at]?.key.equals(own.key) ? this.#own[at] : undefined;
    if (before !== undefined) this.#weigh(before, -1);
    try {
      this.#weigh(own, 1);
    } catch (error) {
      if (before !== undefined) this.#weigh(before, 1);
      throw error;
    }
    this.#changeable().splice(at, before === undefined ? 0 : 1, own);
  }

  #weigh({ key, value = '' }: Own, sign: 1 | -1): void {
    const bytes = typeof value === 'string' ? Buffer.byteLength(value) : value.length;
    const isLarge = bytes > LARGE_VALUE_BYTES;
    this.#admit(sign * (OP_BYTES + key.length + (isLarge ? 0 : bytes)), sign * (isLarge ? bytes : 0));
  }

  #admit(bytes: number, largeBytes: number): void {
    const all = this.#bytes + bytes;
    if (all > BATCH_BYTES_MAX) throw tooLarge('transaction', all, BATCH_BYTES_MAX);
    const large = this.#largeBytes + largeBytes;
    if (large > LARGE_BYTES_MAX) throw tooLarge('transaction, in its large values,', large, LARGE_BYTES_MAX);
    this.#bytes = all;
    this.#largeBytes = large;
  }

  #changeable(): Own[] {
    if (this.#shared) this.#own = this.#own.slice();
    this.#shared = false;
    return this.#own;
  }
}

/** Of the first one at or after a key. */
export function lowerBound(own: readonly Own[], key: Uint8Array): number {
  let low = 0;
  let high = own.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (Buffer.compare((own[middle] as Own).key, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function copied(key: Encoded): Buffer {
  return Buffer.from(key as Uint8Array);
}

export function tooLarge(what: string, bytes: number, bytesMax: number): CoppiceError {
  return new CoppiceError('TOO_LARGE', `a ${what} of ${bytes} bytes is over the limit of ${bytesMax}`);
}
