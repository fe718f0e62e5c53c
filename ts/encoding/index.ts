/**
 * How keys and values become bytes. Built in: `utf8`, `buffer`, `view`, `json`, `tuple`, `u64`; or an `Encoding` of your own.
 *
 * @module
 */

import { CoppiceError, invalid } from '../errors.js';
import { type Codec, custom, type Encoding } from './codec.js';
import { json } from './json.js';
import { buffer, utf8, view } from './text.js';
import { type Tuple, tuple } from './tuple/index.js';
import { u64 } from './u64.js';

export { bytesOf, type Codec, codec, type Encoded, type Encoding, kept } from './codec.js';
export * from './tuple/index.js';

/**
 * The built-in encodings, by name.
 *
 * | name | takes and gives | for keys |
 * |---|---|---|
 * | `utf8` | strings | yes |
 * | `buffer` | bytes; gives a `Buffer` | yes |
 * | `tuple` | arrays of strings, numbers, bytes, ...: see `TupleItem` | yes |
 * | `u64` | integers from 0 to 2^64 - 1; gives `bigint` | yes |
 * | `json` | what `JSON.stringify` takes | no: its order is not that of the values |
 * | `view` | bytes; gives a plain `Uint8Array` | no: use `buffer`, whose bytes are the same |
 */
export type EncodingName = 'utf8' | 'buffer' | 'view' | 'json' | 'tuple' | 'u64';

/** The built-in encodings that keep order, and so may be used for keys. */
export type KeyEncodingName = 'utf8' | 'buffer' | 'tuple' | 'u64';

/** What a built-in encoding takes and gives. */
export interface EncodedTypes {
  utf8: string;
  buffer: Buffer;
  view: Uint8Array;
  json: unknown;
  tuple: Tuple;
  u64: bigint;
}

/** An encoding option: a built-in name or an encoding of your own. */
export type KeyEncoding = KeyEncodingName | Encoding<unknown>;
/** An encoding option for values, whose order does not matter. */
export type ValueEncoding = EncodingName | Encoding<unknown>;

/** The type of the keys or values of an encoding option. */
export type Decoded<E> = E extends EncodingName ? EncodedTypes[E] : E extends Encoding<infer T> ? T : never;

const BUILT_IN = { utf8, buffer, view, json, tuple, u64 };
const ORDERED = ['utf8', 'buffer', 'tuple', 'u64'];

/** The codec of a `keyEncoding` option. */
export function keyCodec(encoding: unknown): Codec<unknown> {
  if (encoding === 'json' || encoding === 'view') {
    const instead = encoding === 'json' ? "'tuple', which keeps order" : "'buffer', which has the same bytes";
    throw new CoppiceError('INVALID', `keyEncoding '${encoding}' is for values only: use ${instead}`, {
      details: { option: 'keyEncoding' },
    });
  }
  return resolve(encoding, 'keyEncoding', ORDERED);
}

/** The codec of a `valueEncoding` option. */
export function valueCodec(encoding: unknown): Codec<unknown> {
  return resolve(encoding, 'valueEncoding', Object.keys(BUILT_IN));
}

function resolve(encoding: unknown, option: string, names: readonly string[]): Codec<unknown> {
  if (typeof encoding === 'string' && names.includes(encoding)) {
    return BUILT_IN[encoding as EncodingName] as Codec<unknown>;
  }
  if (isEncoding(encoding)) return custom(encoding);
  const listed = names.map((name) => `'${name}'`).join(', ');
  throw invalid(option, `one of ${listed}, or an encoding { name, encode, decode }`, encoding);
}

function isEncoding(value: unknown): value is Encoding<unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const { name, encode, decode } = value as Partial<Encoding<unknown>>;
  return typeof name === 'string' && typeof encode === 'function' && typeof decode === 'function';
}
