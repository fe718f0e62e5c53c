/**
 * Tuples to bytes. The order of the bytes is the order of the tuples, item by item.
 *
 * Synchronous and not re-entrant: one scratch buffer per thread gathers the bytes, and the answer is copied out of it.
 *
 * @module
 */

import { CoppiceError, invalid } from '../../errors.js';
import { TUPLE_DEPTH_MAX } from '../../limits.js';
import {
  CODE,
  INTEGER_BYTES_MAX,
  INTEGER_SHORT_BYTES_MAX,
  type Tuple,
  TupleDouble,
  TupleFloat,
  type TupleItem,
  TupleUuid,
  TupleVersionstamp,
} from './items.js';

let scratch = Buffer.allocUnsafe(1024);
let used = 0;

/**
 * The bytes of a tuple, as FoundationDB's tuple layer writes them.
 *
 * @throws `COPPICE_INVALID` for an item of another type, a lone surrogate, or nesting beyond 64 levels.
 * @example
 * ```ts
 * import { packTuple } from 'coppice/encoding';
 *
 * console.log(packTuple(['user', 42]).toString('hex')); // 027573657200152a
 * ```
 */
export function packTuple(tuple: Tuple): Buffer {
  return pack(tuple, 'tuple');
}

/** `packTuple` with the name of the argument for messages. */
export function pack(tuple: Tuple, what: string): Buffer {
  if (!Array.isArray(tuple)) throw invalid(what, 'an array (a tuple)', tuple);
  used = 0;
  for (let i = 0; i < tuple.length; i++) item(tuple[i] as TupleItem, 0, what);
  return Buffer.from(scratch.subarray(0, used));
}

function item(value: TupleItem, depth: number, what: string): void {
  if (typeof value === 'string') return text(value, what);
  if (typeof value === 'number')
    return Number.isSafeInteger(value) && !Object.is(value, -0) ? integer(value) : double(value);
  if (typeof value === 'boolean') return byte(value ? CODE.TRUE : CODE.FALSE);
  if (typeof value === 'bigint') return long(value, what);
  if (value === null) return nothing(depth);
  if (value instanceof Uint8Array) return escaped(CODE.BYTES, value);
  if (Array.isArray(value)) return nested(value, depth, what);
  if (value instanceof TupleDouble) return double(value.value);
  if (value instanceof TupleFloat) return float(value.value);
  if (value instanceof TupleUuid) return plain(CODE.UUID, value.bytes);
  if (value instanceof TupleVersionstamp) return plain(CODE.VERSIONSTAMP, value.bytes);
  throw invalid(`an item of ${what}`, 'null, bytes, a string, a number, a bigint, a boolean or a tuple', value);
}

/** Makes room for `bytes` more. */
function reserve(bytes: number): void {
  if (used + bytes <= scratch.byteLength) return;
  const larger = Buffer.allocUnsafe(Math.max(scratch.byteLength * 2, used + bytes));
  scratch.copy(larger, 0, 0, used);
  scratch = larger;
}

function byte(value: number): void {
  reserve(1);
  scratch[used++] = value;
}

function nothing(depth: number): void {
  byte(CODE.NULL);
  if (depth > 0) byte(CODE.ESCAPE);
}

function text(value: string, what: string): void {
  if (!value.isWellFormed()) {
    throw new CoppiceError(
      'INVALID',
      `a string of ${what} must not contain a lone surrogate, which UTF-8 cannot express`,
    );
  }
  if (value.includes('\0')) return escaped(CODE.STRING, Buffer.from(value));
  reserve(value.length * 3 + 2);
  scratch[used++] = CODE.STRING;
  used += scratch.write(value, used);
  scratch[used++] = 0;
}

function escaped(code: number, bytes: Uint8Array): void {
  reserve(bytes.byteLength * 2 + 2);
  scratch[used++] = code;
  for (let i = 0; i < bytes.byteLength; i++) {
    const value = bytes[i] as number;
    scratch[used++] = value;
    if (value === 0) scratch[used++] = CODE.ESCAPE;
  }
  scratch[used++] = 0;
}

function plain(code: number, bytes: Uint8Array): void {
  reserve(1 + bytes.byteLength);
  scratch[used++] = code;
  scratch.set(bytes, used);
  used += bytes.byteLength;
}

function nested(tuple: Tuple, depth: number, what: string): void {
  if (depth === TUPLE_DEPTH_MAX)
    throw new CoppiceError('INVALID', `${what} nests deeper than ${TUPLE_DEPTH_MAX} levels`);
  byte(CODE.NESTED);
  for (let i = 0; i < tuple.length; i++) item(tuple[i] as TupleItem, depth + 1, what);
  byte(0);
}

/** A safe integer: its magnitude in the fewest bytes; a negative one as the complement, so that it sorts first. */
function integer(value: number): void {
  const negative = value < 0;
  let rest = negative ? -value : value;
  let length = 0;
  for (let m = rest; m > 0; m = Math.floor(m / 256)) length++;
  reserve(1 + length);
  scratch[used++] = negative ? CODE.INTEGER_ZERO - length : CODE.INTEGER_ZERO + length;
  for (let i = length - 1; i >= 0; i--) {
    const low = rest % 256;
    scratch[used + i] = negative ? 255 - low : low;
    rest = (rest - low) / 256;
  }
  used += length;
}

/** Any integer; one that is safe gives the bytes that `integer` gives. */
function long(value: bigint, what: string): void {
  const negative = value < 0n;
  const digits = (negative ? -value : value).toString(16);
  const magnitude =
    value === 0n ? Buffer.alloc(0) : Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex');
  const length = magnitude.byteLength;
  if (length > INTEGER_BYTES_MAX) throw new CoppiceError('INVALID', `an integer of ${what} has more than 255 bytes`);
  if (negative) for (let i = 0; i < length; i++) magnitude[i] = 255 - (magnitude[i] as number);
  if (length <= INTEGER_SHORT_BYTES_MAX) {
    return plain(negative ? CODE.INTEGER_ZERO - length : CODE.INTEGER_ZERO + length, magnitude);
  }
  byte(negative ? CODE.INTEGER_NEGATIVE_LONG : CODE.INTEGER_POSITIVE_LONG);
  plain(negative ? 255 - length : length, magnitude);
}

function float(value: number): void {
  reserve(5);
  scratch[used++] = CODE.FLOAT;
  scratch.writeFloatBE(value, used);
  orderedFloat(4);
}

function double(value: number): void {
  reserve(9);
  scratch[used++] = CODE.DOUBLE;
  scratch.writeDoubleBE(value, used);
  orderedFloat(8);
}

/** IEEE bytes sort by magnitude: the sign bit of a positive one and every bit of a negative one are flipped. */
function orderedFloat(length: number): void {
  const first = scratch[used] as number;
  if (first < 128) {
    scratch[used] = first + 128;
  } else {
    for (let i = 0; i < length; i++) scratch[used + i] = 255 - (scratch[used + i] as number);
  }
  used += length;
}
