/**
 * What the owner of a branch does for others, and for itself, beside its checkpoints: what killed jobs have left is mended, branches
 * that have expired are deleted, and what the branch needs of the one that it has grown from is let go when it has made all of it its own.
 *
 * @module
 */

import { randomUUID } from 'node:crypto';
import {
  branchPrefix,
  dueIn,
  type Forking,
  Hand,
  type Head,
  isUnfinished,
  type Job,
  manifestName,
  mend,
  namedBy,
  release,
  removeDue,
  type State,
} from '../protocol/index.js';
import type { ObjectStore } from '../store/index.js';
import { carryOut } from './jobs.js';

/** Begins whatever is due. What fails is due again after the next checkpoint. */
export function tidy(state: State, store: ObjectStore, signal: AbortSignal): void {
  carryOut(store, dueFor(state, Date.now()), { signal }).catch(() => {});
}

function* dueFor({ head, branchId, known }: State, nowMs: number): Job<void> {
  if (head === null) return;
  const { name, origin, expiresMs } = head.head;
  const hand = new Hand(randomUUID());
  if (isHalfDone(head.head)) yield* mend(hand, name);
  yield* removeDue(hand, dueIn(head.head, nowMs), nowMs);
  if (origin?.state !== 'pinned' || expiresMs !== null) return;
  const own = branchPrefix(branchId);
  // One that nobody has read here is read before it is collected; then it is known.
  const isOwn = (key: string) => known[key]?.every((table) => table.startsWith(own)) ?? false;
  const kept = namedBy(head.head).map((named) => manifestName(branchId, named));
  if (kept.length > 0 && kept.every(isOwn)) yield* release(hand, name);
}

/** Whether a job has left something that a mend goes on with. */
export function isHalfDone(head: Head): boolean {
  const { pins, origin, retiring } = head;
  const isBegun = retiring !== null || origin?.state === 'releasing' || pins.some(({ state }) => state === 'reserved');
  return isBegun || isUnfinished(head);
}

/** What an owner knows of the end of its log, for whoever makes a branch of it; nothing of a node that does not lead. */
export function tipOf({ branchId, log, epoch }: State): Forking['known'] {
  return epoch === 0 ? undefined : { branchId, to: log.slot, revision: log.revision };
}
