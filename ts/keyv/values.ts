/**
 * How values of Keyv are stored: text as it is, which is what Keyv gives unless its serialization is switched off, and everything else
 * as Node's structured clone. That begins with a byte that no text has.
 *
 * @module
 */

import { deserialize, serialize } from 'node:v8';
import { type Codec, codec } from '../encoding/index.js';
import { CoppiceError } from '../errors.js';

/** The first byte of a structured clone; nowhere in UTF-8. */
const CLONE = 0xff;

export const values: Codec<unknown> = codec<unknown>(
  'keyv',
  'buffer',
  (value, what) => {
    if (typeof value === 'string' && value.isWellFormed()) return value;
    try {
      return serialize(value);
    } catch (cause) {
      throw new CoppiceError('ENCODING', `the ${what} cannot be cloned`, { cause });
    }
  },
  (raw) => {
    const bytes = raw as Buffer;
    if (bytes[0] !== CLONE) return bytes.toString();
    try {
      return deserialize(bytes);
    } catch (cause) {
      throw new CoppiceError('ENCODING', 'what is stored is no value of Keyv', { cause });
    }
  },
);
