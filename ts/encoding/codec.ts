/**
 * What an encoding is: to users an `Encoding`, inside a `Codec`, which also says in which form the boundary hands bytes
 * over, so that text never takes a detour over a `Buffer`.
 *
 * A codec has no state and may be shared by any number of databases. All codecs are made by `codec()`, so that they
 * share one hidden class and the hot paths that hold one stay monomorphic.
 *
 * @module
 */

import { CoppiceError } from '../errors.js';

/**
 * An encoding of your own: turns values into bytes and back.
 *
 * `decode(encode(value))` must give back an equal value. For keys the order of the bytes is the order of the database.
 * `encode` may answer the same object each time: its bytes are copied. `decode` gets bytes it may keep. What either throws
 * is wrapped in a `COPPICE_ENCODING` error as its cause.
 *
 * @example
 * ```ts
 * import { open, type Encoding } from 'coppice';
 *
 * const day: Encoding<Date> = {
 *   name: 'day',
 *   encode: (date) => Buffer.from(date.toISOString().slice(0, 10)),
 *   decode: (bytes) => new Date(Buffer.from(bytes).toString()),
 * };
 * const db = await open('./diary', { keyEncoding: day });
 * await db.put(new Date('2024-02-29'), 'leap day');
 * await db.close();
 * ```
 */
export interface Encoding<T> {
  /** For messages. */
  readonly name: string;
  /** The bytes of a value. */
  encode(value: T): Uint8Array;
  /** The value of bytes that `encode` has made. */
  decode(bytes: Uint8Array): T;
}

/** How the boundary hands bytes over: a string decoded from UTF-8, or a `Buffer` that the caller owns. */
export type Form = 'utf8' | 'buffer';

/** Bytes as the boundary takes them; a string is written as UTF-8. */
export type Encoded = string | Uint8Array;

/** The bytes themselves; a `Uint8Array` is not copied. */
export function bytesOf(encoded: Encoded): Buffer {
  if (typeof encoded === 'string') return Buffer.from(encoded);
  return Buffer.from(encoded.buffer, encoded.byteOffset, encoded.byteLength);
}

/** The same, but not shared: whoever gave or gets the bytes may change them. */
export function kept(encoded: Encoded): Encoded {
  return typeof encoded === 'string' ? encoded : Buffer.from(encoded);
}

/** An encoding as the layers above use it. */
export interface Codec<T> {
  readonly name: string;
  /** What `decode` takes. */
  readonly form: Form;
  /** Checks the type; throws `COPPICE_INVALID` for a value that this encoding does not take. */
  encode(value: T, what: string): Encoded;
  /** Gets a string if `form` is `utf8`, else a `Buffer`. */
  decode(raw: string | Buffer): T;
  /** Whether `decode` gives back what it gets. */
  readonly plain: boolean;
}

/** Makes every codec, so that all have one shape. */
export function codec<T>(
  name: string,
  form: Form,
  encode: (value: T, what: string) => Encoded,
  decode?: (raw: string | Buffer) => T,
): Codec<T> {
  return { name, form, encode, decode: decode ?? ((raw) => raw as T), plain: decode === undefined };
}

/** The codec of an encoding that a user wrote: nothing it does can surprise the layers above. */
export function custom<T>(encoding: Encoding<T>): Codec<T> {
  const encode = (value: T, what: string): Encoded => {
    let bytes: unknown;
    try {
      bytes = encoding.encode(value);
    } catch (cause) {
      throw new CoppiceError('ENCODING', `encoding "${encoding.name}" could not encode the ${what}`, { cause });
    }
    // A copy: a later call may use the object again while these wait to be written, or to be compared with others.
    if (bytes instanceof Uint8Array) return Buffer.from(bytes);
    throw new CoppiceError('ENCODING', `encoding "${encoding.name}" must encode a ${what} to a Uint8Array`);
  };
  const decode = (raw: string | Buffer): T => {
    try {
      return encoding.decode(raw as Buffer);
    } catch (cause) {
      throw new CoppiceError('ENCODING', `encoding "${encoding.name}" could not decode what is stored`, { cause });
    }
  };
  return codec(encoding.name, 'buffer', encode, decode);
}
