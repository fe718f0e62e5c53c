/**
 * Keys and values on a command line: as UTF-8, or in digits for bytes that are not text.
 *
 * @module
 */

import { isUtf8 } from 'node:buffer';
import { CoppiceError, invalid } from '../errors.js';

export type Notation = 'utf8' | 'hex' | 'base64';

const HEX = /^(?:[0-9a-fA-F]{2})*$/;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** The bytes of an argument. */
export function parseBytes(text: string, notation: Notation, what: string): Buffer {
  if (notation === 'hex' && !HEX.test(text)) throw invalid(what, 'pairs of hexadecimal digits', text);
  if (notation === 'base64' && !(BASE64.test(text) && text.length % 4 === 0)) throw invalid(what, 'base64', text);
  return Buffer.from(text, notation);
}

/** Text for bytes; refuses what has none rather than showing something else. */
export function formatBytes(bytes: Buffer, notation: Notation, what: string): string {
  if (notation === 'utf8' && !isUtf8(bytes)) {
    throw new CoppiceError('ENCODING', `${what} is not UTF-8: add --hex or --base64`);
  }
  return bytes.toString(notation);
}

/** Any key, for people. */
export function keyText(key: Buffer): string {
  return isUtf8(key) ? JSON.stringify(key.toString()) : `0x${key.toString('hex')}`;
}

/** A name as one line of a terminal shows it, whatever is in it. */
export function printable(name: string): string {
  return name.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}
