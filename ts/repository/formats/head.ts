/**
 * A head as JSON. Fields that this version does not know are kept, unless the head says that they have to be known.
 *
 * @module
 */

import type { Head } from '../protocol/index.js';
import { checkFormat, damaged } from './damaged.js';

export function encodeHead(head: Head): Uint8Array {
  return Buffer.from(JSON.stringify(head));
}

export function decodeHead(key: string, body: Uint8Array): Head {
  const head = parse(key, Buffer.from(body).toString()) as Head & { requires?: string[] };
  if (typeof head !== 'object' || head === null) throw damaged(key, 'it is no object');
  checkFormat(key, head.format, head.requires ?? []);
  const { branchId, nonce, epoch, wal } = head;
  const sound = typeof branchId === 'string' && typeof nonce === 'string' && Number.isSafeInteger(epoch);
  if (!sound || !Number.isSafeInteger(wal?.floor)) throw damaged(key, 'it is no head');
  return head;
}

function parse(key: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw damaged(key, 'it is no JSON', cause);
  }
}
