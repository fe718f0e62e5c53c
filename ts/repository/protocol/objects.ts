/**
 * What stands in the store, as plain objects: the head of a branch, its manifests and the slots of its log.
 *
 * Only heads ever change, by compare-and-set. Everything else is created once, under a name that is never used again.
 *
 * @module
 */

import { hash } from 'node:crypto';

/** Who may write a branch. A disk that was lost comes back under another id, a process that was started again as well. */
export interface Owner {
  readonly node: string;
  readonly disk: string;
  readonly boot: string;
  /** How often it shows that it lives; null: never, an idle owner sends nothing, and its silence says nothing. */
  readonly renewMs: number | null;
}

/** Where an epoch begins in the log. */
export interface Fence {
  readonly epoch: number;
  readonly slot: number;
}

/** A moment of a branch: after a revision, or after everything that was committed up to a time. */
export type Until = { readonly revision: number } | { readonly timeMs: number };

/** A point between two slots of a log, and what all slots before it add up to. */
export interface Position {
  /** The branch whose log it is, where that is another one: a branch begins with parts of the logs of others. */
  readonly of?: string;
  /** The slot that comes next. */
  readonly slot: number;
  /** The last record before it. */
  readonly seq: number;
  readonly revision: number;
  readonly epoch: number;
  /** Of the slot before. */
  readonly digest: string;
  /** Every fence before it: none may ever be deleted. */
  readonly fences: readonly Fence[];
  /** Every slot below this was still kept when it had been read: `ending` in `follow.ts`. */
  readonly checked: number;
}

/** The beginning of every branch. An empty database is at revision 1. */
export const ORIGIN: Position = { slot: 1, seq: 0, revision: 1, epoch: 0, digest: '', fences: [], checked: 1 };

/** The first slot of a branch that did not begin empty. Slot 1 is never filled, and nobody takes it for one that did. */
export const BEGUN_SLOT = ORIGIN.slot + 1;

/** The beginning of a branch whose first checkpoint is a database that was there before. */
export function adoptedAt(branchId: string, seq: number, revision: number): Position {
  return begunAt(branchId, 'adopted', seq, revision);
}

/** The beginning of the log of a branch that has grown from another. */
export function branchedAt(branchId: string, seq: number, revision: number): Position {
  return begunAt(branchId, 'branched', seq, revision);
}

/** In place of the digest of the slot before stands one of what was there. */
function begunAt(branchId: string, how: string, seq: number, revision: number): Position {
  const digest = sha256(`${branchId} ${how} ${seq} ${revision}`);
  return { ...ORIGIN, slot: BEGUN_SLOT, seq, revision, digest, checked: BEGUN_SLOT };
}

/** Consecutive records of a log. What they say is the engine's. */
export interface Records {
  readonly first: number;
  readonly last: number;
  /** Of the last. */
  readonly revision: number;
  readonly timeMs: number;
  readonly sha256: string;
  readonly body: unknown;
}

/** One object of the log: records, or the fence that an epoch begins with. */
export interface Slot {
  readonly branchId: string;
  readonly epoch: number;
  readonly slot: number;
  /** The digest of the slot before: a log that was mixed up does not chain. */
  readonly previous: string;
  readonly digest: string;
  /** A fence has an owner, */
  readonly owner?: Owner;
  /** anything else has records. */
  readonly records?: Records;
}

/** A table as the engine made it. Whatever else the engine says of it is kept. */
export interface Made {
  readonly id: string;
  readonly sha256: string;
}

/** A table in the store. Epoch and number make the name, the digest its content. */
export interface Table extends Made {
  readonly branchId: string;
  readonly epoch: number;
  readonly n: number;
}

/** A checkpoint: all tables of the database at `seq`, and where in the log to go on. */
export interface Manifest {
  readonly branchId: string;
  readonly epoch: number;
  readonly n: number;
  readonly seq: number;
  readonly revision: number;
  readonly timeMs: number;
  /** At or before `seq`: slots from here on may repeat records that the tables hold. */
  readonly position: Position;
  /** The engine's: what it needs besides the tables. */
  readonly engine: unknown;
  readonly tables: readonly Table[];
}

/** A manifest as a head names it. */
export interface Named {
  /** The branch that it belongs to, where that is another one. */
  readonly of?: string;
  readonly epoch: number;
  readonly n: number;
  readonly sha256: string;
  readonly seq: number;
  readonly revision: number;
  readonly timeMs: number;
  /** The first slot that it needs. */
  readonly floor: number;
  /** Slots below this hold whatever it holds. Heads of before there were branches do not say. */
  readonly end?: number;
}

/** A part of the log of a branch, with which another begins: to a slot, which is the first that is not read, or a moment. */
export interface Stretch {
  readonly branchId: string;
  readonly to: number;
  readonly until: Until | null;
}

/** What a branch has grown from: a checkpoint of before that moment, and what is replayed on top of it. */
export interface Origin {
  /** The branch that it was made from. */
  readonly name: string;
  readonly branchId: string;
  /** Of that branch, or of one that it has grown from itself; null, the empty beginning of the first log. */
  readonly manifest: Named | null;
  /** Where the last one ends the branch's own log begins. */
  readonly stretches: readonly Stretch[];
  /** Whether there is a pin that keeps it all. */
  readonly state: 'pinned' | 'releasing' | 'released';
}

/** What another branch needs of this one, for as long as it does. */
export interface Pin {
  readonly name: string;
  readonly branchId: string;
  /** Null: none of this branch, nor of any that it has grown from. */
  readonly manifest: Named | null;
  /** From the first up to the second, which is not needed. */
  readonly slots: { readonly from: number; readonly to: number };
  /** Until the head of the other branch is known to be there it may be that it never will be. */
  readonly state: 'reserved' | 'live';
  /** The other branch does not expire before; its head alone says when. Absent: it does not, as far as is known here. */
  readonly expiresMs?: number;
}

/** How long old checkpoints, and the log from them on, are kept. */
export interface Policy {
  /** So many besides the newest. */
  readonly keep: number;
  /** And whatever is needed to read any moment of the last so many milliseconds. */
  readonly retainMs: number;
}

/** The one object of a branch that changes. Fields that this version does not know are kept as they are. */
export interface Head {
  readonly format: 1;
  readonly name: string;
  /** Random; a branch that is created again under the same name has another one. */
  readonly branchId: string;
  /** A tag is a branch that nobody ever writes. */
  readonly kind: 'branch' | 'tag';
  /** Another one after each change. */
  readonly nonce: string;
  readonly epoch: number;
  readonly owner: Owner | null;
  readonly manifest: Named | null;
  /** Older checkpoints, the oldest first. */
  readonly retained: readonly Named[];
  /** Slots from `floor` on are kept; those from there up to `hint` are known to exist. */
  readonly wal: { readonly floor: number; readonly hint: number };
  /** The last collection: what has a greater number, or a later epoch, may still be on its way to a manifest. */
  readonly collected: { readonly epoch: number; readonly n: number };
  readonly trimRevision: number;
  readonly policy: Policy;
  /**
   * A head is never deleted. `deleted`: nobody owns the branch any more, and what nobody needs of it goes; `gone`: all of it
   * has, and another branch may be given the name.
   */
  readonly state: 'live' | 'deleted' | 'gone';
  /** From then on anybody may delete it; null: never for its age. */
  readonly expiresMs: number | null;
  readonly origin: Origin | null;
  /** What branches that have grown from this one need. */
  readonly pins: readonly Pin[];
  /** The newest branches that had the name before, the oldest first: this one has replaced them. */
  readonly lineage: readonly string[];
  /** What is to stand under the retired name of the branch that this one has replaced. Null: it stands there, and is finished with. */
  readonly retiring: Head | null;
  /** Of a branch that is deleted: every slot that holds a fence. Null, as long as they are not known. */
  readonly fences: readonly number[] | null;
}

export const isLive = (head: Head, branchId: string) => head.branchId === branchId && head.state === 'live';

/** The checkpoints of a branch, the oldest first. */
export function checkpointsOf(head: Head): readonly Named[] {
  return head.manifest === null ? head.retained : [...head.retained, head.manifest];
}

/** Whether something says with which fixed options the database was made: a checkpoint, or the one that it has grown from. */
export function isMade(head: Head | undefined): boolean {
  return head !== undefined && (head.manifest ?? head.origin?.manifest ?? null) !== null;
}

/** Every manifest of the branch itself that its head keeps alive. */
export function namedBy(head: Head): readonly Named[] {
  // Rule pinned-manifests: what a branch has grown from is kept as long as its pin.
  const pinned = head.pins.flatMap(({ manifest }) => (manifest === null ? [] : [manifest]));
  const own = [...pinned, ...checkpointsOf(head)].filter(({ of }) => of === undefined);
  return [...new Map(own.map((named) => [`${named.epoch}-${named.n}`, named])).values()];
}

/** Every manifest that whoever reads the branch may need: those, and the one that it has grown from while that is kept for it. */
export function neededBy(head: Head): readonly Named[] {
  const begun = head.origin?.state === 'pinned' ? head.origin.manifest : null;
  return begun === null ? namedBy(head) : [begun, ...namedBy(head)];
}

/** A slot, whole: what it says and what came before it make its digest. */
export function seal(slot: Omit<Slot, 'digest'>): Slot {
  const { branchId, epoch, slot: number, previous, owner, records } = slot;
  const content = owner === undefined ? `${records?.first} ${records?.last} ${records?.sha256}` : owner.boot;
  return { ...slot, digest: sha256(`${branchId} ${epoch} ${number} ${previous} ${content}`) };
}

/** The position after a slot. */
export function after(position: Position, slot: Slot): Position {
  const { epoch, digest, records } = slot;
  const next = { ...position, slot: slot.slot + 1, epoch, digest };
  if (records !== undefined) return { ...next, seq: records.last, revision: records.revision };
  return { ...next, fences: [...position.fences, { epoch, slot: slot.slot }] };
}

export function sha256(text: string): string {
  return hash('sha256', text);
}
