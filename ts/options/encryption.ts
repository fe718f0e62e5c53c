/**
 * The option `encryption`: where keys come from. No key is ever part of a message.
 *
 * @module
 */

import { readFile } from 'node:fs/promises';
import { CoppiceError } from '../errors.js';
import { checkNames, names } from './check.js';

/**
 * 32 random bytes: as they are, as 64 hexadecimal digits, as base64, or what a function answers that fetches them. Not a password:
 * nothing slows down who tries many.
 */
export type EncryptionKey = Uint8Array | string | (() => Uint8Array | string | Promise<Uint8Array | string>);

/** The keys of an encrypted database or store. */
export interface EncryptionOptions {
  /** What new files are encrypted with. */
  key?: EncryptionKey;
  /** The same, as the content of a file: 32 bytes, or text as for `key`. One of the two. */
  keyFile?: string;
  /** Keys from before, for files that are there already. `stats().encryption` says which are still needed. */
  previous?: readonly EncryptionKey[];
}

/** The current key, then earlier ones, each of 32 bytes. Of a plain database absent. */
export type Keys = readonly Uint8Array[];

const ENCRYPTION = names('encryption', ['key', 'keyFile', 'previous']);
const KEY_BYTES = 32;
const HEX = /^[0-9a-fA-F]{64}$/;
const BASE64 = /^[A-Za-z0-9+/]{43}=$/;

/** Checks the option and fetches the keys. */
export async function keysOf(options: EncryptionOptions | undefined): Promise<Keys | undefined> {
  if (options === undefined) return undefined;
  checkNames(options, ENCRYPTION);
  const { key, keyFile, previous = [] } = options;
  if ((key === undefined) === (keyFile === undefined)) {
    throw refused('encryption', 'encryption needs one of key and keyFile');
  }
  if (!Array.isArray(previous)) throw refused('encryption.previous', 'encryption.previous must be an array of keys');
  const current = keyFile === undefined ? await fetched(key, 'encryption.key') : await fromFile(keyFile);
  const earlier = await Promise.all(previous.map((each, at) => fetched(each, `encryption.previous[${at}]`)));
  return [current, ...earlier];
}

async function fetched(key: unknown, option: string): Promise<Uint8Array> {
  return keyOf(typeof key === 'function' ? await key() : key, option);
}

async function fromFile(path: unknown): Promise<Uint8Array> {
  const option = 'encryption.keyFile';
  if (typeof path !== 'string' || path === '') throw refused(option, `${option} must be the name of a file`);
  let content: Buffer;
  try {
    content = await readFile(path);
  } catch (cause) {
    const message = `${option} cannot be read: ${(cause as Error).message}`;
    throw new CoppiceError('INVALID', message, { cause, details: { option, file: path } });
  }
  return content.length === KEY_BYTES ? content : keyOf(content.toString('latin1').trim(), option);
}

function keyOf(key: unknown, option: string): Uint8Array {
  if (key instanceof Uint8Array && key.length === KEY_BYTES) return key;
  if (typeof key === 'string' && HEX.test(key)) return Buffer.from(key, 'hex');
  if (typeof key === 'string' && BASE64.test(key)) return Buffer.from(key, 'base64');
  throw refused(option, `${option} must be ${KEY_BYTES} bytes: as bytes, as 64 hexadecimal digits or as base64`);
}

function refused(option: string, message: string): CoppiceError {
  return new CoppiceError('INVALID', message, { details: { option } });
}
