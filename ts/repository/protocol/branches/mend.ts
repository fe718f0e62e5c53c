/**
 * What jobs that were killed have left, seen from one branch: pins of branches that may never be made, a release or a deletion
 * that has not come to its end. Anybody may do this at any time; it asks no clock.
 *
 * @module
 */

import { firstHead } from '../change.js';
import type { Head, Pin } from '../objects.js';
import { changeHead, type Hand, type Job, putHead, readHead } from './job.js';
import { endRelease } from './release.js';
import { finish } from './remove.js';

export function* mend(hand: Hand, name: string): Job<void> {
  const seen = yield* readHead(name);
  if (seen === null || seen.head.state === 'gone') return;
  const fates = new Map<string, Fate>();
  for (const pin of seen.head.pins) {
    if (pin.state === 'reserved') fates.set(pin.branchId, yield* settle(hand, pin, seen.head));
  }
  if (fates.size > 0) yield* changeHead(hand, seen, (head) => settled(head, fates));
  const { head } = (yield* readHead(name)) ?? seen;
  if (head.origin?.state === 'releasing') yield* endRelease(hand, head);
  if (head.state === 'deleted') yield* finish(hand, name, head.branchId);
}

type Fate = 'live' | 'dead';

/** Whether the branch of a reserved pin is there. If it is not, it never will be: a tombstone takes its place. */
function* settle(hand: Hand, { name, branchId }: Pin, { policy }: Head): Job<Fate> {
  for (;;) {
    const child = yield* readHead(name);
    if (child?.head.branchId === branchId) return child.head.state === 'gone' ? 'dead' : 'live';
    // Whoever makes the branch has seen another head under its name than this, or none, and does not put its own over it.
    if (child !== null && child.head.state !== 'gone') return 'dead';
    // Rule tombstone-first: a pin goes only if its branch cannot come any more.
    const epoch = child?.head.epoch ?? 0;
    const tombstone: Head = { ...firstHead({ name, branchId, nonce: '', epoch, policy }), state: 'gone' };
    const { won } = yield* putHead(hand, tombstone, child);
    if (won) return 'dead';
  }
}

function settled(head: Head, fates: ReadonlyMap<string, Fate>): Head | null {
  const pins = head.pins.flatMap((pin): Pin[] => {
    const fate = pin.state === 'reserved' ? fates.get(pin.branchId) : undefined;
    if (fate === undefined) return [pin];
    return fate === 'live' ? [{ ...pin, state: 'live' }] : [];
  });
  return pins.length === head.pins.length && fates.size === 0 ? null : { ...head, pins };
}
