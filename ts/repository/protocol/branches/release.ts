/**
 * A branch that has made everything its own that it had from another needs it no longer: its own head says so first, then the
 * other one lets go.
 *
 * @module
 */

import { manifestName } from '../names.js';
import { type Head, type Manifest, type Named, namedBy } from '../objects.js';
import { letGo } from './finish.js';
import { changeHead, type Hand, type Job, putHead, readHead, sure } from './job.js';

/** Whether it needs nothing of another branch now. */
export function* release(hand: Hand, name: string): Job<boolean> {
  return (yield* letOff(hand, name, false)).isFree;
}

export interface LetOff {
  readonly isFree: boolean;
  /** Branches that have grown through it, if it is not. */
  readonly heldBy: readonly string[];
}

/** The same; older checkpoints that need another branch are given up. */
export function* detach(hand: Hand, name: string): Job<LetOff> {
  return yield* letOff(hand, name, true);
}

function* letOff(hand: Hand, name: string, givesUp: boolean): Job<LetOff> {
  for (;;) {
    const seen = yield* readHead(name);
    if (seen === null || seen.head.state !== 'live') return { isFree: false, heldBy: [] };
    const { head } = seen;
    const { origin } = head;
    if (origin === null || origin.state === 'released') return { isFree: true, heldBy: [] };
    if (origin.state === 'pinned') {
      const foreign = yield* foreignIn(head);
      // Rule pins-through: what has grown from it may have begun where this one did.
      const through = head.pins.filter(({ manifest }) => manifest === null || manifest.of !== undefined);
      const held = head.pins.filter(({ manifest }) => manifest !== null && foreign.has(idOf(manifest)));
      const needs = (named: Head['manifest']) => named === null || foreign.has(idOf(named));
      // Rule given-up: no checkpoint is kept that names what the other one may let go of.
      const retained = head.retained.filter((named) => !needs(named));
      const keepsAll = givesUp || retained.length === head.retained.length;
      // Rule own-newest: the newest checkpoint is what everything begins with.
      const isOwn = !needs(head.manifest) && keepsAll && through.length + held.length === 0;
      // The pin of one that expires is what says so elsewhere.
      if (!isOwn || head.expiresMs !== null)
        return { isFree: false, heldBy: [...through, ...held].map(({ name }) => name) };
      // Rule own-first: nobody is to begin with what is about to go. And whatever has changed since may need it.
      const { won } = yield* putHead(hand, { ...head, retained, origin: { ...origin, state: 'releasing' } }, seen);
      if (!won) continue;
    }
    yield* endRelease(hand, head);
    return { isFree: true, heldBy: [] };
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

/** The checkpoints that name what another branch has. */
function* foreignIn(head: Head): Job<ReadonlySet<string>> {
  const { branchId } = head;
  const foreign = new Set<string>();
  for (const named of namedBy(head)) {
    const found = yield* sure({ type: 'get', key: manifestName(branchId, named) });
    // Rule foreign-tables: a checkpoint may name tables of another branch for as long as nothing has rewritten them.
    if (found.type !== 'found' || (found.body as Manifest).tables.some((table) => table.branchId !== branchId))
      foreign.add(idOf(named));
  }
  return foreign;
}

const idOf = ({ epoch, n }: Named) => `${epoch}-${n}`;
