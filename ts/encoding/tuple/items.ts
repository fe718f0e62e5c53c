/**
 * What a tuple may hold, after FoundationDB's tuple layer, whose bytes are used unchanged.
 *
 * @module
 */

import { CoppiceError, invalid } from '../../errors.js';

/**
 * One item of a tuple. Items sort by type first (null, bytes, strings, nested tuples, integers, floats, doubles,
 * booleans, UUIDs, versionstamps), then by value.
 *
 * A `number` that is a safe integer is stored as an integer, any other as a double, so 2 sorts before 1.5: where a
 * position of a key holds fractions too, wrap every number of it in `TupleDouble`.
 */
export type TupleItem =
  | null
  | Uint8Array
  | string
  | number
  | bigint
  | boolean
  | TupleDouble
  | TupleFloat
  | TupleUuid
  | TupleVersionstamp
  | readonly TupleItem[];

/** An ordered list of items; a shorter tuple sorts before a longer one that starts with it. */
export type Tuple = readonly TupleItem[];

/** A number stored as a 64-bit float even where it is whole. Whole doubles are read as this, so that they write back as they were. */
export class TupleDouble {
  constructor(readonly value: number) {
    if (typeof value !== 'number') throw invalid('TupleDouble', 'a number', value);
  }

  /** The number, for arithmetic and comparisons. */
  valueOf(): number {
    return this.value;
  }
}

/** A number stored as a 32-bit float. */
export class TupleFloat {
  readonly value: number;

  constructor(value: number) {
    if (typeof value !== 'number') throw invalid('TupleFloat', 'a number', value);
    this.value = Math.fround(value);
  }

  /** The number, for arithmetic and comparisons. */
  valueOf(): number {
    return this.value;
  }
}

/** The 16 bytes of a UUID. */
export class TupleUuid {
  static readonly BYTES = 16;
  readonly bytes: Uint8Array;

  /** From its 16 bytes, or from text with or without hyphens. */
  constructor(uuid: Uint8Array | string) {
    const bytes = typeof uuid === 'string' ? Buffer.from(uuid.replaceAll('-', ''), 'hex') : uuid;
    if (bytes.byteLength !== TupleUuid.BYTES) throw new CoppiceError('INVALID', 'a UUID has 16 bytes');
    this.bytes = bytes;
  }

  /** As text, in groups of 8-4-4-4-12 digits. */
  toString(): string {
    return Buffer.from(this.bytes)
      .toString('hex')
      .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  }
}

/** The 12 bytes of a FoundationDB versionstamp. */
export class TupleVersionstamp {
  static readonly BYTES = 12;

  constructor(readonly bytes: Uint8Array) {
    if (bytes.byteLength !== TupleVersionstamp.BYTES) {
      throw new CoppiceError('INVALID', 'a versionstamp has 12 bytes');
    }
  }
}

/** The type codes of FoundationDB's tuple layer, as they stand in stored keys. */
export const CODE = {
  NULL: 0x00,
  BYTES: 0x01,
  STRING: 0x02,
  NESTED: 0x05,
  /** Followed by the inverted length and the inverted magnitude. */
  INTEGER_NEGATIVE_LONG: 0x0b,
  /** 0x0c to 0x13 are negative integers of 8 to 1 bytes, 0x15 to 0x1c positive ones of 1 to 8. */
  INTEGER_ZERO: 0x14,
  INTEGER_POSITIVE_LONG: 0x1d,
  FLOAT: 0x20,
  DOUBLE: 0x21,
  FALSE: 0x26,
  TRUE: 0x27,
  UUID: 0x30,
  VERSIONSTAMP: 0x33,
  /** After a zero byte inside bytes, strings and nested tuples: the zero is content, not the end. */
  ESCAPE: 0xff,
} as const;

/** Integers of more bytes than this carry their length. */
export const INTEGER_SHORT_BYTES_MAX = 8;
/** The length of a long integer is one byte. */
export const INTEGER_BYTES_MAX = 255;
