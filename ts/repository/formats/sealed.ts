/**
 * Objects encrypted whole: AES-256-GCM with a key of their own, which the user's key wraps as it does in the files of the
 * engine (`docs/formats/encryption.md`).
 *
 * @module
 */

import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { CoppiceError } from '../../errors.js';
import { checkFormat, damaged, FORMAT } from './damaged.js';

const MAGIC = Buffer.from('copseal\n', 'latin1');
const ALGORITHM = 'aes-256-gcm';
const ID_BYTES = 16;
const NONCE_BYTES = 12;
const KEY_BYTES = 32;
const TAG_BYTES = 16;
const WRAPPED_AT = 16;
const HEADER_BYTES = WRAPPED_AT + ID_BYTES + NONCE_BYTES + KEY_BYTES + TAG_BYTES;
/** A key of one object needs no other nonce. */
const NO_NONCE = Buffer.alloc(NONCE_BYTES);

interface Key {
  /** Hexadecimal digits. */
  readonly id: string;
  readonly bytes: Uint8Array;
}

/** The user's keys, by their ids. */
export class Keyring {
  readonly current: Key;
  readonly hasEarlier: boolean;
  readonly #byId: ReadonlyMap<string, Key>;

  /** The first is the current one. */
  constructor(keys: readonly Uint8Array[]) {
    const all = keys.map((bytes) => ({ id: idOf(bytes), bytes }));
    this.current = all[0] as Key;
    this.hasEarlier = all.length > 1;
    this.#byId = new Map(all.map((key) => [key.id, key]));
  }

  find(id: string): Key | undefined {
    return this.#byId.get(id);
  }
}

function idOf(key: Uint8Array): string {
  return createHash('sha256')
    .update('coppice key id')
    .update(key)
    .digest('hex')
    .slice(0, 2 * ID_BYTES);
}

/** `name`: of the object, under which alone it can be read. */
export function sealed({ current }: Keyring, name: string, body: Uint8Array): Buffer {
  const [key, nonce] = [randomBytes(KEY_BYTES), randomBytes(NONCE_BYTES)];
  const start = Buffer.alloc(WRAPPED_AT);
  MAGIC.copy(start);
  start.writeUInt32LE(FORMAT, MAGIC.length);
  const wrapped = [Buffer.from(current.id, 'hex'), nonce, encrypted(current.bytes, nonce, MAGIC, key)];
  return Buffer.concat([start, ...wrapped, encrypted(key, NO_NONCE, Buffer.from(name), body)]);
}

/**
 * @throws `COPPICE_WRONG_ENCRYPTION_KEY` if another key is needed; `COPPICE_CORRUPT` if it is not what was put under this name.
 */
export function unsealed(keys: Keyring, name: string, object: Uint8Array): Buffer {
  const bytes = Buffer.from(object.buffer, object.byteOffset, object.length);
  if (!isSealed(bytes) || bytes.length < HEADER_BYTES + TAG_BYTES) throw damaged(name, 'it is not encrypted');
  const requires = bytes.readUInt32LE(MAGIC.length + 4);
  checkFormat(name, bytes.readUInt32LE(MAGIC.length), requires === 0 ? [] : [`features ${requires.toString(16)}`]);
  const wrapped = bytes.subarray(WRAPPED_AT, HEADER_BYTES);
  const id = wrapped.toString('hex', 0, ID_BYTES);
  const key = keys.find(id);
  if (key === undefined) {
    const message = `"${name}" is encrypted with key ${id}, which is none of those that were given`;
    throw new CoppiceError('WRONG_ENCRYPTION_KEY', message, { details: { key: name } });
  }
  try {
    const nonce = wrapped.subarray(ID_BYTES, ID_BYTES + NONCE_BYTES);
    const own = decrypted(key.bytes, nonce, MAGIC, wrapped.subarray(ID_BYTES + NONCE_BYTES));
    return decrypted(own, NO_NONCE, Buffer.from(name), bytes.subarray(HEADER_BYTES));
  } catch (cause) {
    throw damaged(name, 'what is encrypted in it is not what was put there', cause);
  }
}

function isSealed(object: Uint8Array): boolean {
  return Buffer.compare(object.subarray(0, MAGIC.length), MAGIC) === 0;
}

/** For those who have no key. */
export function expectPlain(name: string, object: Uint8Array): void {
  if (!isSealed(object)) return;
  const message = `"${name}" is encrypted, and no key was given`;
  throw new CoppiceError('ENCRYPTED', message, { details: { key: name, option: 'encryption' } });
}

function encrypted(key: Uint8Array, nonce: Uint8Array, clear: Uint8Array, bytes: Uint8Array): Buffer {
  const cipher = createCipheriv(ALGORITHM, key, nonce).setAAD(clear);
  return Buffer.concat([cipher.update(bytes), cipher.final(), cipher.getAuthTag()]);
}

function decrypted(key: Uint8Array, nonce: Uint8Array, clear: Uint8Array, bytes: Uint8Array): Buffer {
  const tagAt = bytes.length - TAG_BYTES;
  const cipher = createDecipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES }).setAAD(clear);
  cipher.setAuthTag(bytes.subarray(tagAt));
  return Buffer.concat([cipher.update(bytes.subarray(0, tagAt)), cipher.final()]);
}
