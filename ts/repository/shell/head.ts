/**
 * Reading a head with the ETag that is its own.
 *
 * A store may answer a get beside a put with the body from before it and the ETag from after it (versitygw 1.8 does). Whoever
 * replaced by that ETag would take back a change that it has never seen. An ETag that is the MD5 of the body belongs to it;
 * any other is believed if it was the head's before its body was read.
 *
 * @module
 */

import { createHash } from 'node:crypto';
import { CoppiceError } from '../../errors.js';
import type { StoredObject } from '../store/index.js';

/** So often a head may change while it is read before that is put off. */
const READS_MAX = 8;

export async function getHead(
  store: { get(key: string): Promise<StoredObject | undefined> },
  key: string,
): Promise<StoredObject | undefined> {
  let before: string | undefined;
  for (let reads = 0; reads < READS_MAX; reads++) {
    const found = await store.get(key);
    if (found === undefined || isMd5(found) || found.etag === before) return found;
    before = found.etag;
  }
  throw new CoppiceError('STORE', `"${key}" changes faster than it can be read`, { details: { key, retry: true } });
}

function isMd5({ etag, body }: StoredObject): boolean {
  return etag === `"${createHash('md5').update(body).digest('hex')}"`;
}
