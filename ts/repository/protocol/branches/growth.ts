/**
 * What a branch begins with that grows from another one at some moment.
 *
 * @module
 */

import { firstHead } from '../change.js';
import { slotName } from '../names.js';
import {
  BEGUN_SLOT,
  checkpointsOf,
  type Head,
  isLive,
  type Named,
  ORIGIN,
  type Origin,
  type Pin,
  type Slot,
  type Until,
} from '../objects.js';
import { baseOf } from '../origin.js';
import type { Seen } from '../state.js';
import { changeHead, type Hand, type Job, sure } from './job.js';

/** From which moment of a branch another one is to grow. */
export interface Growing {
  /** Null: as it is now, as far as that is in the store. */
  readonly at: Until | null;
  /** What is known of its log: the slot that comes next, and the last revision before it. Its owner knows, if this is done beside it. */
  readonly known?: { readonly branchId: string; readonly to: number; readonly revision?: number } | undefined;
}

/**
 * Where the log ends, if that has to be known: the moment may be in it that no checkpoint covers. `collected`: it has been since
 * the head was read.
 */
export function* endFor(from: Head, { at, known }: Growing): Job<number | 'not yet' | 'collected'> {
  if (holding(from, at)?.end !== undefined) return 0;
  const its = known?.branchId === from.branchId ? known : undefined;
  const end = its?.to ?? (yield* endOf(from));
  if (at === null || !('revision' in at)) return end;
  const last = its?.revision ?? (yield* lastRevision(from, end));
  if (last === undefined) return 'collected';
  return at.revision > last ? 'not yet' : end;
}

/** The first head of a branch that has grown so. */
export function grown(
  { origin }: Growth,
  first: Parameters<typeof firstHead>[0] & Pick<Head, 'kind' | 'expiresMs'>,
): Head {
  return { ...firstHead(first), ...first, wal: { floor: BEGUN_SLOT, hint: BEGUN_SLOT }, origin };
}

export function pinFor(
  { manifest, slots }: Growth,
  child: Pick<Pin, 'name' | 'branchId' | 'state'>,
  expiresMs: number | null,
): Pin {
  const { name, branchId, state } = child;
  return { name, branchId, manifest, slots, state, ...(expiresMs !== null && { expiresMs }) };
}

/** A parent keeps what a child needs that may never be made. Null: it does not have that any more, or is not there itself. */
export function* reserve(
  hand: Hand,
  seen: Seen,
  growing: Growing & { readonly end: number },
  child: {
    readonly name: string;
    readonly branchId: string;
    readonly expiresMs: number | null;
    readonly instead?: string | undefined;
  },
): Job<Growth | null> {
  const from = seen.head;
  let growth: Growth | undefined;
  const pinned = yield* changeHead(hand, seen, (head) => {
    // Rule pin-what-is-kept: only what the head that is replaced keeps is there, and stays.
    growth = isLive(head, from.branchId) ? growthFrom(head, growing.at, growing.end) : undefined;
    if (growth === undefined) return null;
    const others = head.pins.filter(({ branchId }) => branchId !== child.instead && branchId !== child.branchId);
    return { ...head, pins: [...others, pinFor(growth, { ...child, state: 'reserved' }, child.expiresMs)] };
  });
  return pinned === null ? null : (growth ?? null);
}

export interface Growth {
  readonly origin: Origin;
  readonly manifest: Named | null;
  readonly slots: Pin['slots'];
}

/** What a branch at that moment needs: a checkpoint, the log after it, and whatever its parent has grown from. */
export function growthFrom(head: Head, until: Until | null, end: number): Growth | undefined {
  const { name, branchId, origin, wal } = head;
  const base = baseOf(head, until);
  if (base === undefined) return undefined;
  const isOwn = base === null ? origin === null : base.of === undefined;
  const from = isOwn ? (base?.floor ?? ORIGIN.slot) : BEGUN_SLOT;
  // Of a moment before its own log begins that has nothing to say, and need not be there any more.
  const to = from < wal.floor ? from : (holding(head, until)?.end ?? Math.max(end, wal.hint));
  const before = isOwn ? [] : (origin?.stretches ?? []);
  const manifest = base === null ? null : { ...base, of: base.of ?? branchId };
  const stretches = [...before, { branchId, to, until }];
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
  const begun = manifest === null ? (origin?.stretches ?? []) : [];
  const floorOf = (n: number) => (n > 0 ? BEGUN_SLOT : (origin?.manifest?.floor ?? ORIGIN.slot));
  const logs = begun.map((stretch, n) => ({ ...stretch, floor: floorOf(n) }));
  // Nothing past any of the moments that come after it in the branch is.
  let [revision, timeMs] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (const log of [{ branchId, to: end, until: null, floor: wal.floor }, ...logs.reverse()]) {
    if (log.until !== null && 'revision' in log.until) revision = Math.min(revision, log.until.revision);
    else if (log.until !== null) timeMs = Math.min(timeMs, log.until.timeMs);
    if (Number.isFinite(revision) && !Number.isFinite(timeMs)) return revision;
    for (let slot = log.to - 1; slot >= log.floor; slot--) {
      const found = yield* sure({ type: 'get', key: slotName(log.branchId, slot) });
      if (found.type !== 'found') return undefined;
      const { records } = found.body as Slot;
      // Of a slot that goes past one it is not known how far it goes up to it.
      if (records !== undefined && records.revision <= revision && records.timeMs <= timeMs) return records.revision;
    }
  }
  return (manifest ?? origin?.manifest ?? ORIGIN).revision;
}
