/**
 * Where the head of a branch is. Another branch may have been given the name meanwhile: then it stands under the retired one, with
 * which it is named for ever.
 *
 * @module
 */

import { retiredName } from '../names.js';
import type { Head } from '../objects.js';
import type { Seen } from '../state.js';
import { type Hand, type Job, putHead, readHead } from './job.js';

/** The head of a branch that had this name once; null, if there is none. */
export function* headOf(hand: Hand, name: string, branchId: string): Job<Seen | null> {
  return yield* foundFrom(hand, yield* readHead(name), name, branchId);
}

/** The same, where somebody has read what stands under the name now. */
export function* foundFrom(hand: Hand, seen: Seen | null, name: string, branchId: string): Job<Seen | null> {
  if (seen === null || seen.head.branchId === branchId) return seen;
  // Rule stands-first: what others change of it is changed in one place only.
  if (seen.head.retiring?.branchId === branchId) yield* stand(hand, seen.head.retiring);
  return yield* readHead(retiredName(name, branchId));
}

/** Whether a branch has come to be there. Rule own-child: it may have an owner, or have been replaced, before whoever has made it hears of it. */
export function* isThere(hand: Hand, name: string, branchId: string): Job<boolean> {
  const found = yield* headOf(hand, name, branchId);
  return found !== null && found.head.branchId === branchId && found.head.state !== 'gone';
}

/** Puts the head of a branch that was replaced under its retired name, unless it stands there. */
export function* stand(hand: Hand, retiring: Head): Job<void> {
  if ((yield* readHead(retiring.name)) === null) yield* putHead(hand, retiring, null);
}

/** The branch with that name and id no longer keeps anything for the other. Answers its head, if there is one. */
export function* unpin(
  hand: Hand,
  parent: { readonly name: string; readonly branchId: string },
  branchId: string,
): Job<Seen | null> {
  for (;;) {
    const seen = yield* headOf(hand, parent.name, parent.branchId);
    const pins = seen?.head.pins.filter((pin) => pin.branchId !== branchId) ?? [];
    if (seen === null || pins.length === seen.head.pins.length) return seen;
    const { won, now } = yield* putHead(hand, { ...seen.head, pins }, seen);
    if (won) return now;
  }
}
