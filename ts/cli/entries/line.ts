/**
 * Entries as lines of JSON: `docs/formats/entries.md`. Whatever bytes an entry has, what is read from its line is the same entry.
 *
 * @module
 */

import { isUtf8 } from 'node:buffer';
import { CoppiceError } from '../../errors.js';
import { parseBytes } from '../text.js';

export const FORMAT = 'coppice entries';
export const VERSION = 1;

export const FIRST_LINE = JSON.stringify({ format: FORMAT, version: VERSION });
/** An input without it was cut off. */
export const LAST_LINE = JSON.stringify({ format: FORMAT, end: true });

/** Key and value together: with the worst escapes their line is still a text that JavaScript can hold. */
export const ENTRY_BYTES_MAX = 64 << 20;
/** Six characters for each byte, and names. */
export const LINE_BYTES_MAX = 6 * ENTRY_BYTES_MAX + 1_024;

/** What is kept of an entry: revisions are of the database that it came from. */
export interface LineEntry {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly expiresAt?: Date;
}

/** @throws `COPPICE_TOO_LARGE` */
export function encodeEntry({ key, value, expiresAt }: LineEntry): string {
  if (key.length + value.length > ENTRY_BYTES_MAX) {
    const most = `an entry in a line has at most ${ENTRY_BYTES_MAX} bytes, and this one ${key.length + value.length}`;
    throw new CoppiceError('TOO_LARGE', `${most}: copy the database by a backup or checkpoint`);
  }
  return JSON.stringify({ ...field('key', key), ...field('value', value), ...(expiresAt && { expiresAt }) });
}

function field(name: 'key' | 'value', bytes: Buffer): Record<string, string> {
  return isUtf8(bytes) ? { [name]: bytes.toString() } : { [`${name}Base64`]: bytes.toString('base64') };
}

/** Checks the first line. */
export function decodeFirst(line: Buffer): void {
  const { format, version } = said(line);
  if (format !== FORMAT || !Number.isInteger(version)) throw new CoppiceError('FORMAT', `it is not ${FIRST_LINE}`);
  if (version !== VERSION)
    throw new CoppiceError('FORMAT', `version ${version} is not known: use a newer version of coppice`);
}

/** Nothing, if it says nothing. */
function said(line: Buffer): Record<string, unknown> {
  try {
    return parse(line);
  } catch {
    return {};
  }
}

/** The entry of a line; nothing for the last one. */
export function decodeLine(line: Buffer): LineEntry | undefined {
  const said = parse(line);
  const names = Object.keys(said);
  if (said.format === FORMAT && said.end === true && names.length === 2) return undefined;
  const [key, value] = [bytesOf(said, 'key'), bytesOf(said, 'value')];
  const unknown = names.find((name) => !/^(?:(?:key|value)(?:Base64)?|expiresAt)$/.test(name));
  if (unknown !== undefined) throw broken(`nobody knows its field ${JSON.stringify(unknown)}`);
  if (said.expiresAt === undefined) return { key, value };
  const expiresAt = new Date(typeof said.expiresAt === 'string' ? said.expiresAt : Number.NaN);
  if (!(expiresAt.getTime() >= 0)) throw broken('expiresAt is no time as 2026-01-31T12:00:00.000Z');
  return { key, value, expiresAt };
}

function parse(line: Buffer): Record<string, unknown> {
  if (!isUtf8(line)) throw broken('it is not UTF-8');
  let said: unknown;
  try {
    said = JSON.parse(line.toString());
  } catch (cause) {
    throw broken('it is no JSON', cause);
  }
  if (typeof said !== 'object' || said === null || Array.isArray(said)) throw broken('it is no object');
  return said as Record<string, unknown>;
}

/** As text or as base64, one of the two. */
function bytesOf(said: Record<string, unknown>, name: 'key' | 'value'): Buffer {
  const [text, base64] = [said[name], said[`${name}Base64`]];
  if ((text === undefined) === (base64 === undefined))
    throw broken(`it needs ${name} or ${name}Base64, one of the two`);
  if (base64 === undefined) {
    // Half a character has no bytes, and would become another one.
    if (typeof text !== 'string' || !text.isWellFormed()) throw broken(`${name} is no text`);
    return Buffer.from(text);
  }
  const bytes = typeof base64 === 'string' ? parseBytes(base64, 'base64', `${name}Base64`) : undefined;
  if (bytes?.toString('base64') !== base64) throw broken(`${name}Base64 is no base64`);
  return bytes as Buffer;
}

function broken(what: string, cause?: unknown): CoppiceError {
  return new CoppiceError('CORRUPT', what, { ...(cause !== undefined && { cause }) });
}
