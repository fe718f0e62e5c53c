/**
 * Iterators of Level over ranges. Each sees the database as it was when it was made, and a seek goes anywhere in its span, also from
 * its end, so that it reads from a snapshot: in one range, and another one after each end.
 *
 * @module
 */

import { AbstractIterator, AbstractKeyIterator, AbstractValueIterator } from 'abstract-level';
import { CoppiceError } from '../errors.js';
import type { Range } from '../range.js';
import type { RangeOptions, Reader } from '../reader.js';
import { abortError, levelError } from './errors.js';
import type { Stored } from './formats.js';
import { isWithin, type Span, spanOf } from './span.js';

/** What Level passes to an iterator. */
export interface IteratorOptions extends Span {
  readonly keys?: boolean;
  readonly values?: boolean;
  readonly limit?: number;
  readonly signal?: AbortSignal | null;
}

/** A state that stands still until it is released. */
export interface Still {
  readonly reader: Reader<Stored, Stored>;
  release(): void;
}

type Read<T> = (reader: Reader<Stored, Stored>, options: RangeOptions<Stored>) => Range<T>;

/** What Level calls of an iterator. It awaits what `_next` answers, which is at hand already for all but the first row of a chunk. */
interface Walk<T> {
  _next(): T | undefined | Promise<T | undefined>;
  _nextv(size: number): Promise<T[]>;
  _seek(target: Stored): void;
  _close(): Promise<void>;
}

/** A range to be read whole is fetched in chunks that grow; of a short one everything at once. */
const SHORT = 1_000;

function walk<T>({ reader, release }: Still, options: IteratorOptions, read: Read<T>): Walk<T> {
  const { limit = -1, signal } = options;
  const shape = { ...(signal && { signal }), ...(limit > 0 && limit < SHORT && { batchSize: limit }) };
  const span = { ...spanOf(options), ...shape };
  let range = read(reader, span);
  /** Whether the last seek went out of the bounds. */
  let isOutside = false;
  /** Why the last seek has failed: the next read says so, because a seek of Level does not fail. */
  let refusal: unknown;
  /** Of the chunk that was fetched last; those before `at` were given out. */
  let rows: T[] = [];
  let at = 0;
  const fetched = async (next: (range: Range<T>) => Promise<T[]>) => {
    try {
      if (refusal !== undefined) throw refusal;
      const found = isOutside ? [] : await next(range);
      if (signal?.aborted) throw abortError(signal.reason);
      return found;
    } catch (error) {
      if (error instanceof CoppiceError && error.code === 'COPPICE_ABORTED') throw abortError(error);
      throw levelError(error);
    }
  };
  const fetchChunk = async () => {
    rows = await fetched((range) => range.takeChunk());
    at = 1;
    return rows[0];
  };
  return {
    _next: () => (at < rows.length ? rows[at++] : fetchChunk()),
    async _nextv(size) {
      if (at === rows.length) return fetched((range) => range.take(size));
      const from = at;
      at = Math.min(rows.length, from + size);
      return rows.slice(from, at);
    },
    _seek(target) {
      rows = [];
      at = 0;
      refusal = undefined;
      isOutside = !isWithin(span, target);
      try {
        if (isOutside || range.jump(target)) return;
        range.close();
        range = read(reader, span);
        range.jump(target);
      } catch (error) {
        refusal = error;
      }
    },
    async _close() {
      await range.close();
      release();
    },
  };
}

type Pair = [Stored | undefined, Stored | undefined];

/** Only what is wanted is read. */
function pairs({ keys, values }: IteratorOptions): Read<Pair> {
  if (values === false) return (reader, options) => reader.keys(options).map((key): Pair => [key, undefined]);
  if (keys === false) return (reader, options) => reader.values(options).map((value): Pair => [undefined, value]);
  return (reader, options) => reader.entries(options);
}

export function entryIterator<D, K, V>(db: D, options: IteratorOptions, still: Still): AbstractIterator<D, K, V> {
  const iterator = new AbstractIterator<D, K, V>(db, options as object);
  return Object.assign(iterator, walk(still, options, pairs(options)));
}

export function keyIterator<D, K>(db: D, options: IteratorOptions, still: Still): AbstractKeyIterator<D, K> {
  const iterator = new AbstractKeyIterator<D, K>(db, options as object);
  return Object.assign(
    iterator,
    walk(still, options, (reader, range) => reader.keys(range)),
  );
}

export function valueIterator<D, K, V>(db: D, options: IteratorOptions, still: Still): AbstractValueIterator<D, K, V> {
  const iterator = new AbstractValueIterator<D, K, V>(db, options as object);
  return Object.assign(
    iterator,
    walk(still, options, (reader, range) => reader.values(range)),
  );
}
