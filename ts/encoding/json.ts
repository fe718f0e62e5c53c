/**
 * Values as JSON text. Not for keys: JSON does not keep order (`10` sorts before `9`).
 *
 * @module
 */

import { CoppiceError } from '../errors.js';
import { type Codec, codec } from './codec.js';

/** Anything `JSON.stringify` gives text for; what it has no text for (`undefined`, a function, a cycle, a bigint) is refused. */
export const json: Codec<unknown> = codec('json', 'utf8', encode, decode);

function encode(value: unknown, what: string): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (cause) {
    const [why] = String((cause as Error).message ?? cause).split('\n');
    throw new CoppiceError('ENCODING', `the ${what} has no JSON form: ${why}`, { cause });
  }
  if (text !== undefined) return text;
  throw new CoppiceError('ENCODING', `the ${what} has no JSON form: it is ${typeof value}`);
}

function decode(raw: string | Buffer): unknown {
  try {
    return JSON.parse(raw as string);
  } catch (cause) {
    throw new CoppiceError('ENCODING', 'what is stored is not JSON: it was written with another encoding', { cause });
  }
}
