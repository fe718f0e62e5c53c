/**
 * Reading a head with the ETag that is its own.
 *
 * A store may answer a get beside a put with the body from before it and the ETag from after it (versitygw 1.8 does, for as
 * long as it is busy). Whoever replaced by that ETag would take back a change that it has never seen. An ETag that is the
 * MD5 of the body belongs to it. Where ETags are something else, which an object says that never changes, the one is believed
 * that was the head's before its body was read.
 *
 * @module
 */

import { createHash } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { CoppiceError } from '../../errors.js';
import type { StoredObject } from '../store/index.js';
import { ROOT } from './root.js';

/** So often a head may change while it is read before that is put off. */
const READS_MAX = 8;
/** A store that is busy with a put is left alone for so long, and twice as long each time. */
const PAUSE_MS = 4;

interface Reader {
  get(key: string): Promise<StoredObject | undefined>;
}

/** Of which stores ETags are known to be MD5s, or not to be. */
const known = new WeakMap<Reader, boolean>();

export async function getHead(store: Reader, key: string): Promise<StoredObject | undefined> {
  let before: string | undefined;
  for (let reads = 0; reads < READS_MAX; reads++) {
    const found = await store.get(key);
    if (found === undefined || isMd5(found)) return found;
    if (await namesByMd5(store)) await setTimeout(PAUSE_MS * 2 ** reads);
    else if (found.etag === before) return found;
    before = found.etag;
  }
  throw new CoppiceError('STORE', `"${key}" changes faster than it can be read`, { details: { key, retry: true } });
}

async function namesByMd5(store: Reader): Promise<boolean> {
  let answer = known.get(store);
  if (answer === undefined) {
    const root = await store.get(ROOT);
    answer = root !== undefined && isMd5(root);
    known.set(store, answer);
  }
  return answer;
}

function isMd5({ etag, body }: StoredObject): boolean {
  return etag === `"${createHash('md5').update(body).digest('hex')}"`;
}
