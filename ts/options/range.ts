/**
 * The options of ranges, and the bounds they make.
 *
 * Bounds are made in stored keys: a sublevel's prefix stands before every key, and the range never leaves it.
 *
 * @module
 */

import { bytesOf, type Encoded } from '../encoding/index.js';
import { CoppiceError, invalid } from '../errors.js';
import { BATCH_SIZE_MAX, KEY_BYTES_MAX } from '../limits.js';
import type { Bounds } from '../native/types.js';
import { boolean, checkNames, integer, type Names } from './check.js';

/**
 * What bounds keys of a type: such a key; of tuples of a fixed length also a beginning of one, which sorts before all that begin so.
 */
export type Bound<K> = K | Beginning<K>;

/** Of a tuple of a fixed length: it without its last elements. */
export type Beginning<K> = K extends readonly [...infer Rest, unknown] ? Rest | Beginning<Rest> : never;

/** Which keys, between which bounds. `undefined` counts as absent. */
export interface KeyRange<K> {
  /** Keys after this one. Not together with `gte`. */
  gt?: Bound<K> | undefined;
  /** This key and those after it. */
  gte?: Bound<K> | undefined;
  /** Keys before this one. Not together with `lte`. */
  lt?: Bound<K> | undefined;
  /** This key and those before it. */
  lte?: Bound<K> | undefined;
  /** Keys whose bytes start with those of this key. With other bounds: keys that satisfy both. */
  prefix?: Bound<K> | undefined;
}

/** Which rows of a range, and how they are fetched. */
export interface RangeShape<K> extends KeyRange<K> {
  /** From the last key to the first. Default false. */
  reverse?: boolean;
  /** Rows at most. Default: all. */
  limit?: number;
  /** Goes on after the last row of an earlier range with the same direction: its `cursor`, also from another process. */
  cursor?: string | undefined;
  /** Rows fetched by one native call. Default: 16, growing to 1,000. */
  batchSize?: number;
}

export const KEY_RANGE = ['gt', 'gte', 'lt', 'lte', 'prefix'];
export const RANGE_SHAPE = [...KEY_RANGE, 'reverse', 'limit', 'cursor', 'batchSize'];

/** What the bounds need of a keyspace. */
export interface Encoder<K> {
  readonly prefix: string;
  encodeKey(key: Bound<K>, what: string): Encoded;
  join(bytes: Encoded): Encoded;
}

/** A range, checked. */
export interface Shape {
  readonly bounds: Bounds;
  readonly reverse: boolean;
  readonly limit: number;
  readonly batchSize: number | undefined;
}

/** Checks the options of a range whose names were checked. */
export function shapeOf<K>(options: RangeShape<K>, encoder: Encoder<K>): Shape {
  const reverse = boolean(options.reverse, 'reverse', false);
  const { limit, batchSize, cursor } = options;
  const bounds = boundsOf(options, encoder);
  if (cursor !== undefined) startAfter(bounds, encoder.join(parseCursor(cursor, reverse)), reverse);
  return {
    bounds,
    reverse,
    limit: limit === undefined ? Number.POSITIVE_INFINITY : integer(limit, 'limit', 0, Number.MAX_SAFE_INTEGER),
    batchSize: batchSize === undefined ? undefined : integer(batchSize, 'batchSize', 1, BATCH_SIZE_MAX),
  };
}

/** Checks options that are a key range and nothing else; answers its bounds. */
export function keyRange<K>(options: KeyRange<K>, group: Names, encoder: Encoder<K>): Bounds {
  checkNames(options, group);
  return boundsOf(options, encoder);
}

/** Where a range delete begins and ends: from `lower` on up to, without, `upper`; an empty `upper`: to the end. */
export interface Span {
  readonly lower: Encoded;
  readonly upper: Encoded;
}

/** The span of bounds; `undefined` if no key lies in it. */
export function spanOf({ lower = '', lowerInclusive, upper, upperInclusive }: Bounds): Span | undefined {
  const from = lowerInclusive === false ? after(lower) : lower;
  const until = upper !== undefined && upperInclusive === true ? behind(upper) : upper;
  if (from === undefined || (until !== undefined && compare(from, until) >= 0)) return undefined;
  return { lower: from, upper: until ?? '' };
}

/** The first key after a key; `undefined` if there is none. */
function after(key: Encoded): Encoded | undefined {
  return bytesOf(key).length < KEY_BYTES_MAX ? behind(key) : startingWith(key).upper;
}

/** The first bytes after a key, even if they are one too many for a key. */
function behind(key: Encoded): Encoded {
  return Buffer.concat([bytesOf(key), Buffer.alloc(1)]);
}

function boundsOf<K>(options: KeyRange<K>, encoder: Encoder<K>): Bounds {
  const { gt, gte, lt, lte, prefix } = options;
  if (gt !== undefined && gte !== undefined) throw contradiction('gt', 'gte');
  if (lt !== undefined && lte !== undefined) throw contradiction('lt', 'lte');
  const bounds: Bounds = encoder.prefix === '' ? {} : startingWith(Buffer.from(encoder.prefix));
  if (prefix !== undefined) {
    const { lower, upper } = startingWith(encoder.encodeKey(prefix, 'prefix'));
    raise(bounds, lower as Encoded, true);
    if (upper !== undefined) cut(bounds, upper, false);
  }
  if (gt !== undefined) raise(bounds, encoder.encodeKey(gt, 'gt'), false);
  if (gte !== undefined) raise(bounds, encoder.encodeKey(gte, 'gte'), true);
  if (lt !== undefined) cut(bounds, encoder.encodeKey(lt, 'lt'), false);
  if (lte !== undefined) cut(bounds, encoder.encodeKey(lte, 'lte'), true);
  return bounds;
}

/** Keeps what stands at or past a key, in reading direction. */
export function startAt(bounds: Bounds, key: Encoded, reverse: boolean): void {
  if (reverse) cut(bounds, key, true);
  else raise(bounds, key, true);
}

/** Keeps what comes after a key, in reading direction. */
export function startAfter(bounds: Bounds, key: Encoded, reverse: boolean): void {
  if (reverse) cut(bounds, key, false);
  else raise(bounds, key, false);
}

/** Bounds of the keys that start with these bytes: up to, without, the first key after all of them. */
function startingWith(prefix: Encoded): Bounds {
  const upper = Buffer.from(bytesOf(prefix));
  let length = upper.byteLength;
  while (length > 0 && upper[length - 1] === 0xff) length--;
  if (length === 0) return { lower: prefix, lowerInclusive: true };
  upper[length - 1] = (upper[length - 1] as number) + 1;
  return { lower: prefix, lowerInclusive: true, upper: upper.subarray(0, length), upperInclusive: false };
}

/** Takes the higher of two lower bounds. */
function raise(bounds: Bounds, lower: Encoded, inclusive: boolean): void {
  const order = bounds.lower === undefined ? 1 : compare(lower, bounds.lower);
  if (order < 0 || (order === 0 && inclusive)) return;
  bounds.lower = lower;
  bounds.lowerInclusive = inclusive;
}

/** Takes the lower of two upper bounds. */
function cut(bounds: Bounds, upper: Encoded, inclusive: boolean): void {
  const order = bounds.upper === undefined ? -1 : compare(upper, bounds.upper);
  if (order > 0 || (order === 0 && inclusive)) return;
  bounds.upper = upper;
  bounds.upperInclusive = inclusive;
}

/** The order of stored keys. */
export function compare(a: Encoded, b: Encoded): number {
  return Buffer.compare(bytesOf(a), bytesOf(b));
}

function contradiction(one: string, other: string): CoppiceError {
  return new CoppiceError('INVALID', `give ${one} or ${other}, not both`, { details: { option: other } });
}

const CURSOR_VERSION = 1;
const CURSOR_HEADER_BYTES = 2;
const BASE64URL = /^[A-Za-z0-9_-]+$/;

/** The text of a cursor that stands on a key (without a sublevel's prefix). */
export function formatCursor(key: Encoded, reverse: boolean): string {
  const header = Buffer.from([CURSOR_VERSION, reverse ? 1 : 0]);
  return Buffer.concat([header, bytesOf(key)]).toString('base64url');
}

function parseCursor(cursor: unknown, reverse: boolean): Buffer {
  const bytes =
    typeof cursor === 'string' && BASE64URL.test(cursor) ? Buffer.from(cursor, 'base64url') : Buffer.alloc(0);
  const direction = bytes[1];
  if (bytes[0] !== CURSOR_VERSION || (direction !== 0 && direction !== 1)) {
    throw invalid('cursor', 'the cursor of an earlier range', cursor);
  }
  if ((direction === 1) !== reverse) {
    throw new CoppiceError(
      'INVALID',
      'cursor belongs to a range in the other direction: give the same reverse as before',
      {
        details: { option: 'cursor' },
      },
    );
  }
  return bytes.subarray(CURSOR_HEADER_BYTES);
}
