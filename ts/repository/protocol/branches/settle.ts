/**
 * Pins of branches that may never be made, because whoever makes them may have been killed.
 *
 * @module
 */

import { firstHead } from '../change.js';
import type { Head, Pin } from '../objects.js';
import type { Seen } from '../state.js';
import { changeHead, type Hand, type Job, putHead, readHead } from './job.js';
import { foundFrom } from './retired.js';

type Fate = 'live' | 'dead';

/** Finds out what becomes of each reserved pin of a head. */
export function* settlePins(hand: Hand, seen: Seen): Job<void> {
  const fates = new Map<string, Fate>();
  for (const pin of seen.head.pins) {
    if (pin.state === 'reserved') fates.set(pin.branchId, yield* settle(hand, pin, seen.head));
  }
  if (fates.size > 0) yield* changeHead(hand, seen, (head) => settled(head, fates));
}

/** Whether the branch of a reserved pin is there. If it is not, it never will be. */
function* settle(hand: Hand, { name, branchId }: Pin, { policy }: Head): Job<Fate> {
  for (;;) {
    const seen = yield* readHead(name);
    const child = yield* foundFrom(hand, seen, name, branchId);
    if (child !== null) return child.head.state === 'gone' ? 'dead' : 'live';
    // Nobody puts a head over one of a branch that is deleted.
    if (seen?.head.state === 'deleted') return 'dead';
    const epoch = seen?.head.epoch ?? 0;
    const tombstone: Head = { ...firstHead({ name, branchId, nonce: '', epoch, policy }), state: 'gone' };
    // Whoever makes the branch has read what its head is put over before there was this pin.
    // Rule tombstone-first: a pin goes only if its branch cannot come any more.
    // Rule moved-first: so it is where another branch has the name, which this one may be about to replace.
    const next = seen?.head.state === 'live' ? seen.head : tombstone;
    if ((yield* putHead(hand, next, seen)).won) return 'dead';
  }
}

function settled(head: Head, fates: ReadonlyMap<string, Fate>): Head {
  const pins = head.pins.flatMap((pin): Pin[] => {
    const fate = pin.state === 'reserved' ? fates.get(pin.branchId) : undefined;
    if (fate === undefined) return [pin];
    return fate === 'live' ? [{ ...pin, state: 'live' }] : [];
  });
  return { ...head, pins };
}
