/**
 * Branches that go when their time has come. When that is says the head of the branch alone; its pin says before when it is not,
 * so that the owner of its parent sees in its own head what may be due.
 *
 * @module
 */

import type { Head } from '../objects.js';
import type { Seen } from '../state.js';
import { finish, isUnfinished } from './finish.js';
import { changeHead, type Hand, type Job, putHead, readHead } from './job.js';
import { deleted } from './remove.js';
import { headOf } from './retired.js';

/** Says when a branch expires; null: not at all. Answers whether there is such a branch. */
export function* expire(hand: Hand, name: string, expiresMs: number | null): Job<boolean> {
  return yield* say(hand, name, () => expiresMs);
}

/** Deletes the branch if it has expired. Answers its id; null, if it has not, or is not there. */
export function* removeExpired(hand: Hand, name: string, nowMs: number): Job<string | null> {
  const seen = yield* readHead(name);
  // Nobody else may look at it any more, if whoever has deleted it was killed.
  if (seen !== null && isUnfinished(seen.head)) yield* finish(hand, name, seen.head.branchId);
  // Rule expired-still: whoever has been given more time is not deleted for the time before.
  const removed = yield* changeHead(hand, seen, (head) => (isDue(head, nowMs) ? deleted(head) : null));
  if (removed === null) {
    // Its pin may say that it has.
    yield* say(hand, name, ({ expiresMs }) => expiresMs);
    return null;
  }
  const { branchId } = removed.head;
  yield* finish(hand, name, branchId);
  return branchId;
}

export function* removeDue(hand: Hand, names: readonly string[], nowMs: number): Job<void> {
  for (const name of names) yield* removeExpired(hand, name, nowMs);
}

/** Which branches may have expired, as far as a head says: its own, and those that have grown from it. */
export function dueIn(head: Head, nowMs: number): readonly string[] {
  const due = head.pins.filter(({ expiresMs = Number.POSITIVE_INFINITY }) => expiresMs <= nowMs);
  return [...(isDue(head, nowMs) ? [head] : []), ...due].map(({ name }) => name);
}

function isDue({ state, expiresMs }: Head, nowMs: number): boolean {
  return state === 'live' && expiresMs !== null && expiresMs <= nowMs;
}

function* say(hand: Hand, name: string, of: (head: Head) => number | null): Job<boolean> {
  for (;;) {
    const child = yield* readHead(name);
    if (child === null || child.head.state !== 'live') return false;
    const { head } = child;
    const expiresMs = of(head);
    let parent = yield* parentOf(hand, head);
    const hint = parent === null ? expiresMs : hintOf(parent.head, head);
    if (head.expiresMs === expiresMs && hint === expiresMs) return true;
    // Rule hint-first: a branch that expires earlier than its pin says is never looked at.
    if (parent !== null && expiresMs !== null) {
      const earlier = Math.min(hint ?? expiresMs, expiresMs);
      const { won, now } = yield* putHead(hand, hinted(parent.head, head, earlier), parent);
      if (!won) continue;
      parent = now;
    }
    // Rule hint-behind: the head moves, also if it says the same, so that what others have put into the pin for it is met below.
    if (!(yield* putHead(hand, { ...head, expiresMs }, child)).won) continue;
    if (parent === null || hintOf(parent.head, head) === expiresMs) return true;
    if ((yield* putHead(hand, hinted(parent.head, head, expiresMs), parent)).won) return true;
  }
}

/** The head with the pin of a branch, if there is one. */
function* parentOf(hand: Hand, { branchId, origin }: Head): Job<Seen | null> {
  if (origin?.state !== 'pinned') return null;
  const parent = yield* headOf(hand, origin.name, origin.branchId);
  return parent?.head.pins.some((pin) => pin.branchId === branchId) ? parent : null;
}

function hintOf({ pins }: Head, { branchId }: Head): number | null {
  return pins.find((pin) => pin.branchId === branchId)?.expiresMs ?? null;
}

function hinted(parent: Head, { branchId }: Head, hint: number | null): Head {
  const pins = parent.pins.map((pin) => {
    if (pin.branchId !== branchId) return pin;
    const { expiresMs, ...others } = pin;
    return hint === null ? others : { ...others, expiresMs: hint };
  });
  return { ...parent, pins };
}
