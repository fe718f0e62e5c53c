/**
 * Unsigned 64-bit integers, big endian, so that the order of the bytes is the order of the numbers.
 *
 * @module
 */

import { CoppiceError, invalid } from '../errors.js';
import { type Codec, codec } from './codec.js';

const BYTES = 8;
const MAX = 2n ** 64n - 1n;

/** Integers from 0 to 2^64 - 1: always read as `bigint`; a safe `number` is accepted on input. */
export const u64: Codec<bigint> = codec('u64', 'buffer', encode, decode);

function encode(value: bigint | number, what: string): Uint8Array {
  const bytes = Buffer.allocUnsafe(BYTES);
  if (typeof value === 'bigint' && value >= 0n && value <= MAX) {
    bytes.writeBigUInt64BE(value);
  } else if (Number.isSafeInteger(value) && value >= 0) {
    bytes.writeBigUInt64BE(BigInt(value));
  } else {
    throw invalid(what, 'an integer from 0 to 2^64 - 1 (bigint, or a safe number)', value);
  }
  return bytes;
}

function decode(raw: string | Buffer): bigint {
  const bytes = raw as Buffer;
  if (bytes.byteLength === BYTES) return bytes.readBigUInt64BE();
  throw new CoppiceError(
    'ENCODING',
    `what is stored is not a u64: it has ${bytes.byteLength} bytes instead of ${BYTES}`,
  );
}
