/**
 * Bytes to tuples. Takes any bytes: what is not a tuple is a `COPPICE_ENCODING` error that names the position.
 *
 * @module
 */

import { CoppiceError } from '../../errors.js';
import { TUPLE_DEPTH_MAX } from '../../limits.js';
import {
  CODE,
  INTEGER_SHORT_BYTES_MAX,
  type Tuple,
  TupleDouble,
  TupleFloat,
  type TupleItem,
  TupleUuid,
  TupleVersionstamp,
} from './items.js';

/**
 * The tuple that `packTuple` or any other implementation of FoundationDB's tuple layer wrote.
 *
 * Integers are read as `number` where that is exact, else as `bigint`; bytes as `Buffer`; whole doubles as `TupleDouble`.
 *
 * @throws `COPPICE_ENCODING` for bytes that are not a tuple.
 * @example
 * ```ts
 * import { packTuple, unpackTuple } from 'coppice/encoding';
 *
 * console.log(unpackTuple(packTuple(['user', 42]))); // [ 'user', 42 ]
 * ```
 */
export function unpackTuple(bytes: Uint8Array): Tuple {
  const reader = new Reader(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  const items: TupleItem[] = [];
  while (reader.position < reader.bytes.byteLength) items.push(reader.item(0));
  return items;
}

class Reader {
  position = 0;

  constructor(readonly bytes: Buffer) {}

  item(depth: number): TupleItem {
    const code = this.#byte();
    switch (code) {
      case CODE.NULL:
        return null;
      case CODE.BYTES:
        return this.#escaped();
      case CODE.STRING:
        return this.#escaped().toString();
      case CODE.NESTED:
        return this.#nested(depth);
      case CODE.FLOAT:
        return new TupleFloat(this.#float(4).readFloatBE());
      case CODE.DOUBLE:
        return this.#double();
      case CODE.FALSE:
        return false;
      case CODE.TRUE:
        return true;
      case CODE.UUID:
        return new TupleUuid(this.#take(TupleUuid.BYTES));
      case CODE.VERSIONSTAMP:
        return new TupleVersionstamp(this.#take(TupleVersionstamp.BYTES));
      case CODE.INTEGER_POSITIVE_LONG:
        return this.#long(this.#byte(), false);
      case CODE.INTEGER_NEGATIVE_LONG:
        return this.#long(255 - this.#byte(), true);
      default:
        return this.#integer(code);
    }
  }

  #byte(): number {
    const value = this.bytes[this.position];
    if (value === undefined) throw this.#broken('ends in the middle of an item');
    this.position++;
    return value;
  }

  /** A copy, which the caller may change. */
  #take(length: number): Buffer {
    const end = this.position + length;
    if (end > this.bytes.byteLength) throw this.#broken('ends in the middle of an item');
    const taken = Buffer.from(this.bytes.subarray(this.position, end));
    this.position = end;
    return taken;
  }

  /** Up to a zero byte that no escape follows. */
  #escaped(): Buffer {
    const start = this.position;
    let escapes = 0;
    for (;;) {
      const end = this.bytes.indexOf(0, this.position);
      if (end === -1) throw this.#broken('has no end of bytes or text');
      this.position = end + 1;
      if (this.bytes[end + 1] !== CODE.ESCAPE) return this.#unescape(start, end, escapes);
      escapes++;
      this.position++;
    }
  }

  #unescape(start: number, end: number, escapes: number): Buffer {
    if (escapes === 0) return Buffer.from(this.bytes.subarray(start, end));
    const plain = Buffer.allocUnsafe(end - start - escapes);
    let to = 0;
    for (let from = start; from < end; from++) {
      const value = this.bytes[from] as number;
      plain[to++] = value;
      if (value === 0) from++;
    }
    return plain;
  }

  #nested(depth: number): TupleItem[] {
    if (depth === TUPLE_DEPTH_MAX) throw this.#broken(`nests deeper than ${TUPLE_DEPTH_MAX} levels`);
    const items: TupleItem[] = [];
    for (;;) {
      if (this.bytes[this.position] !== CODE.NULL) {
        items.push(this.item(depth + 1));
      } else if (this.bytes[this.position + 1] === CODE.ESCAPE) {
        items.push(null);
        this.position += 2;
      } else {
        this.position++;
        return items;
      }
    }
  }

  #integer(code: number): number | bigint {
    const length = Math.abs(code - CODE.INTEGER_ZERO);
    if (length > INTEGER_SHORT_BYTES_MAX) throw this.#broken(`has an unknown type code ${code}`);
    return length === 0 ? 0 : this.#long(length, code < CODE.INTEGER_ZERO);
  }

  #long(length: number, negative: boolean): number | bigint {
    const magnitude = this.#take(length);
    if (negative) for (let i = 0; i < length; i++) magnitude[i] = 255 - (magnitude[i] as number);
    const value = length === 0 ? 0n : BigInt(`0x${magnitude.toString('hex')}`);
    const signed = negative ? -value : value;
    const exact = Number(signed);
    return Number.isSafeInteger(exact) ? exact : signed;
  }

  #double(): number | TupleDouble {
    const value = this.#float(8).readDoubleBE();
    return Number.isSafeInteger(value) && !Object.is(value, -0) ? new TupleDouble(value) : value;
  }

  #float(length: number): Buffer {
    const bytes = this.#take(length);
    const first = bytes[0] as number;
    if (first >= 128) {
      bytes[0] = first - 128;
    } else {
      for (let i = 0; i < length; i++) bytes[i] = 255 - (bytes[i] as number);
    }
    return bytes;
  }

  #broken(how: string): CoppiceError {
    return new CoppiceError('ENCODING', `what is stored is not a tuple: it ${how} (byte ${this.position})`);
  }
}
