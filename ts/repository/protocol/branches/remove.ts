/**
 * Deleting a branch: its head becomes a tombstone, and whatever follows from that is done.
 *
 * @module
 */

import type { Head } from '../objects.js';
import { finish } from './finish.js';
import { changeHead, type Hand, type Job, readHead } from './job.js';

/** The id of the branch that had the name; null, if none had. When this ends nothing is written to it any more. */
export function* remove(hand: Hand, name: string): Job<string | null> {
  const seen = yield* readHead(name);
  if (seen === null || seen.head.state === 'gone') return null;
  const { branchId } = seen.head;
  // Not a branch that has been made under the name since, but one that has replaced it.
  const isMeant = (head: Head) => head.branchId === branchId || head.lineage.includes(branchId);
  yield* changeHead(hand, seen, (head) => (head.state === 'live' && isMeant(head) ? deleted(head) : null));
  const now = yield* readHead(name);
  if (now !== null && isMeant(now.head)) yield* finish(hand, name, now.head.branchId);
  return branchId;
}

/** Rule delete-fences: of the epoch before nobody writes any more. */
export function deleted(head: Head): Head {
  return { ...head, state: 'deleted', epoch: head.epoch + 1, fences: null };
}
