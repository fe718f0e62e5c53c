/**
 * What the owner of a branch does for others, and for itself, beside its checkpoints: what killed jobs have left is mended, and what
 * the branch needs of the one that it has grown from is let go when it has made all of it its own.
 *
 * @module
 */

import { randomUUID } from 'node:crypto';
import {
  branchPrefix,
  type Forking,
  Hand,
  type Head,
  type Job,
  manifestName,
  mend,
  namedBy,
  release,
  type State,
} from '../protocol/index.js';
import type { ObjectStore } from '../store/index.js';
import { carryOut } from './jobs.js';

/** Begins whatever is due. What fails is due again after the next checkpoint. */
export function tidy(state: State, store: ObjectStore, signal: AbortSignal): void {
  const job = dueFor(state);
  if (job !== undefined) carryOut(store, job, { signal }).catch(() => {});
}

function dueFor({ head, branchId, known }: State): Job<unknown> | undefined {
  if (head === null) return undefined;
  const { name, origin } = head.head;
  const hand = new Hand(randomUUID());
  if (isHalfDone(head.head)) return mend(hand, name);
  if (origin?.state !== 'pinned') return undefined;
  const own = branchPrefix(branchId);
  // One that nobody has read here is read before it is collected; then it is known.
  const isOwn = (key: string) => known[key]?.every((table) => table.startsWith(own)) ?? false;
  const kept = namedBy(head.head).map((named) => manifestName(branchId, named));
  return kept.length > 0 && kept.every(isOwn) ? release(hand, name) : undefined;
}

/** Whether a job has left something that a mend goes on with. */
export function isHalfDone({ state, pins, origin }: Head): boolean {
  const isDeleted = state === 'deleted' && pins.length === 0;
  return isDeleted || origin?.state === 'releasing' || pins.some(({ state }) => state === 'reserved');
}

/** What an owner knows of the end of its log, for whoever makes a branch of it; nothing of a node that does not lead. */
export function tipOf({ log, epoch }: State): Forking['known'] {
  return epoch === 0 ? undefined : { to: log.slot, revision: log.revision };
}
