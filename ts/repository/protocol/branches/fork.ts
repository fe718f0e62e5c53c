/**
 * A branch of a branch, at any moment that is kept: the parent's head says that it is needed, then the child's head is put.
 * Nothing is copied, and nobody need be at work on either.
 *
 * @module
 */

import { firstHead } from '../change.js';
import { slotName } from '../names.js';
import {
  BEGUN_SLOT,
  checkpointsOf,
  type Head,
  type Named,
  ORIGIN,
  type Origin,
  type Pin,
  type Slot,
  type Until,
} from '../objects.js';
import { baseOf } from '../origin.js';
import type { Seen } from '../state.js';
import { changeHead, type Hand, type Job, putHead, readHead, sure } from './job.js';

export interface Forking {
  readonly parent: string;
  readonly name: string;
  /** Null: as it is now, as far as that is in the store. */
  readonly at: Until | null;
  readonly kind?: Head['kind'] | undefined;
  /** When it is to go by itself. */
  readonly expiresMs?: number | null | undefined;
  /** What the parent's owner knows, if this is done beside it: the slot that comes next, and the last revision before it. */
  readonly known?: { readonly to: number; readonly revision: number } | undefined;
}

export type Forked =
  | { readonly type: 'forked'; readonly head: Head }
  /** There is no such parent; there is such a child; nothing that is kept is as old as that; the parent is not there yet. */
  | { readonly type: 'no parent' | 'exists' | 'too old' | 'not yet' };

export function* fork(hand: Hand, forking: Forking): Job<Forked> {
  const { parent, name, at, known, kind = 'branch', expiresMs = null } = forking;
  let over: Seen | null = null;
  let seen = yield* readHead(parent);
  let before: string | undefined;
  for (;;) {
    if (seen === null || seen.head.state !== 'live') return { type: 'no parent' };
    const from = seen.head;
    let end: number | undefined;
    if (holding(from, at)?.end === undefined) {
      end = known?.to ?? (yield* endOf(from));
      const last = at !== null && 'revision' in at ? (known?.revision ?? (yield* lastRevision(from, end))) : at;
      if (last === undefined) {
        // It has been collected since.
        seen = yield* readHead(parent);
        continue;
      }
      if (at !== null && 'revision' in at && at.revision > Number(last)) return { type: 'not yet' };
    }
    const branchId = hand.name();
    let growth: Growth | undefined;
    const pinned: Seen | null = yield* changeHead(hand, seen, (head) => {
      // Rule pin-what-is-kept: only what the head that is replaced keeps is there, and stays.
      growth = isLive(head, from.branchId) ? growthFrom(head, at, end ?? 0) : undefined;
      if (growth === undefined) return null;
      const { manifest, slots } = growth;
      const pin: Pin = { name, branchId, manifest, slots, state: 'reserved', ...(expiresMs !== null && { expiresMs }) };
      const others = head.pins.filter((pin) => pin.branchId !== before && pin.branchId !== branchId);
      return { ...head, pins: [...others, pin] };
    });
    if (pinned === null || growth === undefined) {
      seen = yield* readHead(parent);
      return { type: seen !== null && isLive(seen.head, from.branchId) ? 'too old' : 'no parent' };
    }
    const child: Head = {
      // Rule epochs-go-on: a name has each epoch once, whichever branch it belongs to.
      ...firstHead({ name, branchId, nonce: '', epoch: over?.head.epoch ?? 0, policy: from.policy }),
      kind,
      wal: { floor: BEGUN_SLOT, hint: BEGUN_SLOT },
      expiresMs,
      origin: growth.origin,
    };
    const put: { won: boolean; now: Seen | null } = yield* putHead(hand, child, over);
    // Rule own-child: a branch may have an owner before whoever has made it hears that it is there.
    const isOurs = put.now?.head.branchId === branchId && put.now.head.state !== 'gone';
    if (put.won || isOurs) return { type: 'forked', head: child };
    if (put.now?.head.state !== 'gone') {
      yield* unpin(hand, pinned, branchId);
      return { type: 'exists' };
    }
    // Rule pin-again: the pin of an attempt that has failed may be taken for dead, and go, at any time.
    before = branchId;
    over = put.now;
    seen = pinned;
  }
}

export const isLive = (head: Head, branchId: string) => head.branchId === branchId && head.state === 'live';

/** The parent no longer keeps anything for that branch. Answers its head, if it has changed. */
export function unpin(hand: Hand, parent: Seen | null, branchId: string): Job<Seen | null> {
  return changeHead(hand, parent, (head) => {
    const pins = head.pins.filter((pin) => pin.branchId !== branchId);
    return pins.length < head.pins.length ? { ...head, pins } : null;
  });
}

interface Growth {
  readonly origin: Origin;
  readonly manifest: Named | null;
  readonly slots: Pin['slots'];
}

/** What a branch at that moment needs: a checkpoint, the log after it, and whatever its parent has grown from. */
function growthFrom(head: Head, until: Until | null, end: number): Growth | undefined {
  const { name, branchId, origin, wal } = head;
  const base = baseOf(head, until);
  if (base === undefined) return undefined;
  const isOwn = base === null ? origin === null : base.of === undefined;
  const to = holding(head, until)?.end ?? Math.max(end, wal.hint);
  const before = isOwn ? [] : (origin?.stretches ?? []);
  const manifest = base === null ? null : { ...base, of: base.of ?? branchId };
  const stretches = [...before, { branchId, to, until }];
  const from = isOwn ? (base?.floor ?? ORIGIN.slot) : BEGUN_SLOT;
  return { origin: { name, branchId, manifest, stretches, state: 'pinned' }, manifest: base, slots: { from, to } };
}

/** The first checkpoint that holds everything up to the moment. */
function holding(head: Head, until: Until | null): Named | undefined {
  if (until === null) return undefined;
  return checkpointsOf(head).find(({ revision, timeMs }) =>
    'revision' in until ? revision >= until.revision : timeMs > until.timeMs,
  );
}

/** The end of the log: as far as the store lists it, where somebody is at work on it or was when he ended. */
function* endOf({ branchId, wal, owner }: Head): Job<number> {
  // An owner that gives the branch up in order says how far its log is.
  if (owner === null) return wal.hint;
  const first = slotName(branchId, wal.hint);
  const prefix = first.slice(0, first.lastIndexOf('/') + 1);
  const listed = yield* sure({ type: 'list', prefix, after: slotName(branchId, wal.hint - 1) });
  const keys = new Set(listed.type === 'listed' ? listed.keys : []);
  let slot = wal.hint;
  // A list that is old may lack one that is not the last.
  while (keys.has(slotName(branchId, slot))) slot += 1;
  return slot;
}

/** Of the last record before that slot; nothing if that is not kept any more. */
function* lastRevision({ branchId, wal, manifest, origin }: Head, end: number): Job<number | undefined> {
  for (let slot = end - 1; slot >= wal.floor; slot--) {
    const found = yield* sure({ type: 'get', key: slotName(branchId, slot) });
    if (found.type !== 'found') return undefined;
    const { records } = found.body as Slot;
    if (records !== undefined) return records.revision;
  }
  return (manifest ?? origin?.manifest ?? ORIGIN).revision;
}
