/**
 * What every store checks of a call before it does anything. A wrong call is `COPPICE_INVALID` and changes nothing.
 *
 * @module
 */

import { throwIfAborted } from '../../abort.js';
import { CoppiceError, invalid } from '../../errors.js';
import { OBJECT_BYTES_MAX, OBJECT_KEY_BYTES_MAX, OBJECT_KEY_SEGMENT_BYTES_MAX } from '../../limits.js';
import { checkNames, signal as checkSignal, names } from '../../options/check.js';
import { storeError } from './failures.js';
import type { StoreGetOptions, StoreListOptions, StoreOptions, StorePutOptions } from './object-store.js';

// What names a file on every system and sorts alike as text and as bytes. What begins with a dot is the store's own.
const SEGMENT = /^[A-Za-z0-9_=@~-][A-Za-z0-9_=@~.-]*$/;
const SHA256 = /^[0-9a-f]{64}$/;

const GET = names('get', ['range', 'signal']);
const PUT = names('put', ['ifNoneMatch', 'ifMatch', 'sha256', 'signal']);
const LIST = names('list', ['after', 'signal']);
const OTHERS = names('this call', ['signal']);

/** Whether a name could be one part of a key. */
export function isSegment(name: string): boolean {
  return name.length <= OBJECT_KEY_SEGMENT_BYTES_MAX && SEGMENT.test(name);
}

/** Whether it could be a key. */
export function isKey(key: unknown): key is string {
  return typeof key === 'string' && key.length <= OBJECT_KEY_BYTES_MAX && key.split('/').every(isSegment);
}

export function checkKey(key: unknown): string {
  if (isKey(key)) return key;
  const parts = `of letters, digits and any of _ = @ ~ . -, at most ${OBJECT_KEY_SEGMENT_BYTES_MAX} long, no dot first`;
  throw invalid('key', `at most ${OBJECT_KEY_BYTES_MAX} characters, parts between slashes ${parts}`, key);
}

function checkOptionalSignal({ signal }: StoreOptions, doing: string): void {
  if (signal !== undefined) throwIfAborted(checkSignal(signal), doing);
}

export function checkGet(key: string, options: StoreGetOptions): void {
  checkKey(key);
  checkNames(options, GET);
  if (options.range !== undefined) {
    const [from, to] = Array.isArray(options.range) ? (options.range as [unknown, unknown]) : [];
    const sound =
      Number.isSafeInteger(from) && Number.isSafeInteger(to) && 0 <= Number(from) && Number(from) < Number(to);
    if (!sound) throw invalid('range', 'two whole numbers, 0 <= from < to', options.range);
  }
  checkOptionalSignal(options, 'a get');
}

export function checkHead(key: string, options: StoreOptions): void {
  checkKey(key);
  checkNames(options, OTHERS);
  checkOptionalSignal(options, 'a head');
}

export function checkPut(key: string, body: Uint8Array, options: StorePutOptions): void {
  checkKey(key);
  if (!(body instanceof Uint8Array)) throw invalid('body', 'a Uint8Array', body);
  if (body.length > OBJECT_BYTES_MAX) {
    throw new CoppiceError('TOO_LARGE', `an object has at most ${OBJECT_BYTES_MAX} bytes, not ${body.length}`);
  }
  checkNames(options, PUT);
  const { ifNoneMatch, ifMatch, sha256 } = options;
  if (ifNoneMatch !== undefined && ifNoneMatch !== '*') throw invalid('ifNoneMatch', "'*'", ifNoneMatch);
  if (ifMatch !== undefined && (typeof ifMatch !== 'string' || ifMatch === '' || ifMatch === '*')) {
    throw invalid('ifMatch', 'the etag that a get, head or put has answered', ifMatch);
  }
  if (ifMatch !== undefined && ifNoneMatch !== undefined) {
    throw new CoppiceError('INVALID', 'give ifMatch or ifNoneMatch, not both', { details: { option: 'ifMatch' } });
  }
  if (sha256 !== undefined && !(typeof sha256 === 'string' && SHA256.test(sha256))) {
    throw invalid('sha256', '64 hexadecimal digits in lower case', sha256);
  }
  checkOptionalSignal(options, 'a put');
}

export function checkList(prefix: string, options: StoreListOptions): void {
  const parts = typeof prefix === 'string' && prefix.length <= OBJECT_KEY_BYTES_MAX ? prefix.split('/') : ['.'];
  const last = parts.pop() as string;
  if (!parts.every(isSegment) || !(last === '' || isSegment(last))) {
    throw invalid('prefix', 'the beginning of a key', prefix);
  }
  checkNames(options, LIST);
  if (options.after !== undefined) checkKey(options.after);
  checkOptionalSignal(options, 'a list');
}

export function checkDel(keys: readonly string[], options: StoreOptions): void {
  if (!Array.isArray(keys)) throw invalid('keys', 'an array of keys', keys);
  keys.forEach(checkKey);
  checkNames(options, OTHERS);
  checkOptionalSignal(options, 'a del');
}

/** Refuses a body that is not what its hash says. Hashes on another thread. */
export async function checkBody(key: string, body: Uint8Array, sha256: string | undefined): Promise<void> {
  if (sha256 === undefined) return;
  const found = Buffer.from(await crypto.subtle.digest('SHA-256', body)).toString('hex');
  if (found === sha256) return;
  const message = `"${key}" was not written: the SHA-256 of its body is ${found}, not ${sha256} as given`;
  throw storeError(message, { reason: 'checksum', outcome: 'refused', retry: false });
}
