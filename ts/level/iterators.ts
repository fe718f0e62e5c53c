/**
 * Iterators of Level over ranges. Each sees the database as it was when it was made, and a seek goes anywhere in its span, so that
 * it reads from a snapshot, in one range after the other.
 *
 * @module
 */

import { AbstractIterator, AbstractKeyIterator, AbstractValueIterator } from 'abstract-level';
import { CoppiceError } from '../errors.js';
import type { Range } from '../range.js';
import type { RangeOptions, Reader } from '../reader.js';
import { abortError, levelError } from './errors.js';
import type { Stored } from './formats.js';
import { type Span, spanFrom, spanOf } from './span.js';

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

/** What Level calls of an iterator. */
interface Walk<T> {
  _next(): Promise<T | undefined>;
  _nextv(size: number): Promise<T[]>;
  _seek(target: Stored): void;
  _close(): Promise<void>;
}

/** A range to be read whole is fetched in chunks that grow; of a short one everything at once. */
const SHORT = 1_000;

function walk<T>({ reader, release }: Still, options: IteratorOptions, read: Read<T>): Walk<T> {
  const { limit = -1, signal } = options;
  const shape = { ...(signal && { signal }), ...(limit > 0 && limit < SHORT && { batchSize: limit }) };
  const span = spanOf(options);
  let range: Range<T> | undefined = read(reader, { ...span, ...shape });
  const take = async (size: number) => {
    try {
      const rows = (await range?.take(size)) ?? [];
      if (signal?.aborted) throw abortError(signal.reason);
      return rows;
    } catch (error) {
      if (error instanceof CoppiceError && error.code === 'COPPICE_ABORTED') throw abortError(error);
      throw levelError(error);
    }
  };
  return {
    _next: async () => (await take(1))[0],
    _nextv: take,
    _seek(target) {
      range?.close();
      const rest = spanFrom(span, target);
      range = rest && read(reader, { ...rest, ...shape });
    },
    async _close() {
      await range?.close();
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
