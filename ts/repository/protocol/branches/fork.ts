/**
 * A branch of a branch, at any moment that is kept: the parent's head says that it is needed, then the child's head is put.
 * Nothing is copied, and nobody need be at work on either.
 *
 * @module
 */

import { type Head, isLive } from '../objects.js';
import type { Seen } from '../state.js';
import { endFor, type Growing, grown, reserve } from './growth.js';
import { type Hand, type Job, putHead, readHead } from './job.js';
import { isThere, unpin } from './retired.js';

export interface Forking extends Growing {
  readonly parent: string;
  readonly name: string;
  readonly kind?: Head['kind'] | undefined;
  /** When it is to go by itself. */
  readonly expiresMs?: number | null | undefined;
}

export type Forked =
  | { readonly type: 'forked'; readonly head: Head }
  /** There is no such parent; there is such a child; nothing that is kept is as old as that; the parent is not there yet. */
  | { readonly type: 'no parent' | 'exists' | 'too old' | 'not yet' };

export function* fork(hand: Hand, forking: Forking): Job<Forked> {
  const { parent, name, kind = 'branch', expiresMs = null } = forking;
  let over: Seen | null = null;
  let before: string | undefined;
  for (;;) {
    const seen: Seen | null = yield* readHead(parent);
    if (seen === null || seen.head.state !== 'live') return { type: 'no parent' };
    const from = seen.head;
    const end = yield* endFor(from, forking);
    if (end === 'not yet') return { type: 'not yet' };
    if (end === 'collected') continue;
    const branchId = hand.name();
    const growth = yield* reserve(hand, seen, { ...forking, end }, { name, branchId, expiresMs, instead: before });
    if (growth === null) {
      const now = yield* readHead(parent);
      if (now !== null && isLive(now.head, from.branchId)) return { type: 'too old' };
      // Another branch has the name, or none.
      continue;
    }
    // Rule epochs-go-on: a name has each epoch once, whichever branch it belongs to.
    const epoch = over?.head.epoch ?? 0;
    const child = grown(growth, { name, branchId, nonce: '', epoch, policy: from.policy, kind, expiresMs });
    const put: { won: boolean; now: Seen | null } = yield* putHead(hand, child, over);
    if (put.won || (yield* isThere(hand, name, branchId))) return { type: 'forked', head: child };
    if (put.now?.head.state !== 'gone') {
      yield* unpin(hand, { name: parent, branchId: from.branchId }, branchId);
      return { type: 'exists' };
    }
    // Rule pin-again: the pin of an attempt that has failed may be taken for dead, and go, at any time.
    before = branchId;
    over = put.now;
  }
}
