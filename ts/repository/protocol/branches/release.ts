/**
 * A branch that has made everything its own that it had from another needs it no longer: its own head says so first, then the
 * other one lets go.
 *
 * @module
 */

import { manifestName } from '../names.js';
import { type Head, type Manifest, namedBy } from '../objects.js';
import { letGo } from './finish.js';
import { changeHead, type Hand, type Job, putHead, readHead, sure } from './job.js';

/** Whether it needs nothing of another branch now. */
export function* release(hand: Hand, name: string): Job<boolean> {
  for (;;) {
    const seen = yield* readHead(name);
    if (seen === null || seen.head.state !== 'live') return false;
    const { head } = seen;
    if (head.origin === null || head.origin.state === 'released') return true;
    if (head.origin.state === 'pinned') {
      if (yield* needsOrigin(head)) return false;
      // Rule own-first: nobody is to begin with what is about to go. And whatever has changed since may need it.
      const { won } = yield* putHead(hand, { ...head, origin: { ...head.origin, state: 'releasing' } }, seen);
      if (!won) continue;
    }
    yield* endRelease(hand, head);
    return true;
  }
}

/** Goes on where the head says already that nothing is needed. */
export function* endRelease(hand: Hand, { name, branchId, origin }: Head): Job<void> {
  yield* letGo(hand, origin, branchId);
  yield* changeHead(hand, yield* readHead(name), (head) =>
    head.branchId === branchId && head.origin?.state === 'releasing'
      ? { ...head, origin: { ...head.origin, state: 'released' } }
      : null,
  );
}

function* needsOrigin(head: Head): Job<boolean> {
  const { manifest, pins, branchId, expiresMs } = head;
  // Its pin is what says elsewhere that it expires.
  if (expiresMs !== null) return true;
  // Rule pins-through: what has grown from it may have begun where this one did.
  if (manifest === null || pins.some(({ manifest }) => manifest === null || manifest.of !== undefined)) return true;
  for (const named of namedBy(head)) {
    const found = yield* sure({ type: 'get', key: manifestName(branchId, named) });
    // Rule foreign-tables: a checkpoint may name tables of another branch for as long as nothing has rewritten them.
    if (found.type !== 'found' || (found.body as Manifest).tables.some((table) => table.branchId !== branchId))
      return true;
  }
  return false;
}
