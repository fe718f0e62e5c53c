/**
 * Whether a disk holds something else than the log of the store does. That happens to the copy of a folder whose original
 * went on: both have records of the same numbers that are not the same.
 *
 * @module
 */

import { CoppiceError } from '../../errors.js';
import type { Replication } from '../../native/types.js';
import type { Records } from '../protocol/index.js';

/** Tables hold the records, the log not any more, or not whole. */
const GONE = new Set(['COPPICE_COMPACTED', 'COPPICE_CORRUPT']);

/** Compares the records that are held already; those that only tables hold are believed. */
export async function holdsOthers(replication: Replication, { first, body }: Records): Promise<boolean> {
  if (first > replication.lastSeq) return false;
  const theirs = body as Uint8Array;
  try {
    const held = await replication.readLog(first - 1, theirs.length);
    const length = Math.min(held?.body.length ?? 0, theirs.length);
    return held !== undefined && !held.body.subarray(0, length).equals(theirs.subarray(0, length));
  } catch (error) {
    if (error instanceof CoppiceError && GONE.has(error.code)) return false;
    throw error;
  }
}
