/**
 * The encodings that change nothing: text as UTF-8, and bytes as they are.
 *
 * @module
 */

import { CoppiceError, invalid } from '../errors.js';
import { type Codec, codec } from './codec.js';

/**
 * Strings as UTF-8, which keeps the order of code points. A lone surrogate is refused: UTF-8 has no bytes for it, and
 * its replacement would make different keys equal. Stored bytes that are not UTF-8 read as U+FFFD.
 */
export const utf8: Codec<string> = codec('utf8', 'utf8', (value, what) => {
  if (typeof value !== 'string') throw invalid(what, "a string (the encoding is 'utf8')", value);
  if (!value.isWellFormed()) {
    throw new CoppiceError('INVALID', `${what} must not contain a lone surrogate, which UTF-8 cannot express`, {
      details: { option: what },
    });
  }
  return value;
});

/** Bytes, read as a `Buffer` that the caller owns. */
export const buffer: Codec<Uint8Array> = codec('buffer', 'buffer', bytesOnly);

/** Bytes, read as a plain `Uint8Array` that the caller owns. */
export const view: Codec<Uint8Array> = codec('view', 'buffer', bytesOnly, (raw) => {
  const bytes = raw as Buffer;
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
});

function bytesOnly(value: Uint8Array, what: string): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw invalid(what, 'a Buffer or Uint8Array', value);
}
