/**
 * The name of a branch is given to another one, which grows from any moment of any branch, also of the one that had the name: one
 * put of the head, and the name is the new branch. The one before goes on under a retired name, as a branch that is deleted, for
 * those that have grown from it.
 *
 * @module
 */

import { retiredName } from '../names.js';
import { type Head, isLive, isMade } from '../objects.js';
import { retire } from './finish.js';
import { endFor, type Growing, type Growth, grown, growthFrom, pinFor, reserve } from './growth.js';
import { type Hand, type Job, putHead, readHead } from './job.js';
import { isKept, type Kept, keepAll } from './keep.js';
import { deleted, remove } from './remove.js';
import { isThere, unpin } from './retired.js';

export interface Replacing extends Growing {
  readonly name: string;
  /** The branch that the new one grows from; it may be the one that has the name. */
  readonly from: string;
  /** Not given: what the one before was. */
  readonly kind?: Head['kind'] | undefined;
  /** A tag of this name is made of all of the branch before. */
  readonly keep?: string | undefined;
}

export type Replaced =
  | { readonly type: 'replaced'; readonly head: Head }
  /** The name under which the one before was to be kept is taken. */
  | { readonly type: 'tag exists' }
  /** There is no branch of that name; none to grow from, or one without a checkpoint; nothing that is kept is as old as that; it is not there yet. */
  | { readonly type: 'no branch' | 'no parent' | 'too old' | 'not yet' };

/** So many of those that had the name before are known: a disk of an older one has to be emptied by hand. */
const LINEAGE_MAX = 16;

/** When this ends nothing is written to the branch before any more. */
export function* replace(hand: Hand, replacing: Replacing): Job<Replaced> {
  const { name, from, at, keep } = replacing;
  let kept: Kept | null = null;
  for (;;) {
    // Rule over-first: whoever takes the pin for dead moves the head after it has seen the pin.
    const over = yield* readHead(name);
    if (over === null || over.head.state !== 'live') return { type: 'no branch' };
    // Rule one-retires: there is room for one, and nothing of it may be lost.
    if (over.head.retiring !== null) {
      yield* retire(hand, over.head);
      continue;
    }
    const source = from === name ? over : yield* readHead(from);
    if (source === null || source.head.state !== 'live' || !isMade(source.head)) return { type: 'no parent' };
    const end = yield* endFor(source.head, replacing);
    if (end === 'not yet') return { type: 'not yet' };
    if (end === 'collected') continue;
    if (keep !== undefined && growthFrom(source.head, at, end) !== undefined && !isKept(over.head, kept)) {
      // Rule kept-whole: what has been written since is not in the tag.
      if (kept !== null) yield* remove(hand, keep);
      const now = yield* keepAll(hand, name, keep);
      if (now === 'tag exists') return { type: now };
      kept = now;
      continue;
    }
    const branchId = hand.name();
    const { expiresMs } = over.head;
    const growth =
      from === name
        ? growthFrom(over.head, at, end)
        : yield* reserve(hand, source, { ...replacing, end }, { name, branchId, expiresMs });
    if (!growth) {
      const now = yield* readHead(from);
      if (now !== null && isLive(now.head, source.head.branchId)) return { type: 'too old' };
      continue;
    }
    const head = successor(hand, over.head, growth, { ...replacing, branchId });
    const { won } = yield* putHead(hand, head, over);
    if (won || (yield* isThere(hand, name, branchId))) {
      // Rule retired-first: what the owner before acknowledges after this was never there.
      const now = yield* readHead(name);
      if (now !== null) yield* retire(hand, now.head);
      return { type: 'replaced', head };
    }
    // Rule pin-again: the next attempt has a pin of its own.
    if (from !== name) yield* unpin(hand, { name: from, branchId: source.head.branchId }, branchId);
  }
}

function successor(
  hand: Hand,
  over: Head,
  growth: Growth,
  { name, from, kind = over.kind, branchId }: Replacing & { readonly branchId: string },
): Head {
  const { expiresMs, policy } = over;
  const last = deleted(over);
  // Rule pin-in-place: what the new branch begins with is kept by the very put that makes it.
  const pins = from === name ? [pinFor(growth, { name, branchId, state: 'live' }, expiresMs)] : [];
  return {
    ...grown(growth, { name, branchId, nonce: '', epoch: last.epoch, policy, kind, expiresMs }),
    lineage: [...over.lineage, over.branchId].slice(-LINEAGE_MAX),
    retiring: {
      ...last,
      name: retiredName(name, over.branchId),
      nonce: hand.name(),
      retained: [],
      expiresMs: null,
      pins: [...over.pins, ...pins],
    },
  };
}
