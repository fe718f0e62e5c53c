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

/** A point between two slots of the log, and what all slots before it add up to. */
export interface Position {
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

/**
 * The beginning of a branch whose first checkpoint is a database that was there before. Slot 1 is never filled: the floor is
 * above it from the first, as where a log has been collected, and nobody takes the branch for one that began empty. In place
 * of its digest stands one of what was there.
 */
export function adoptedAt(branchId: string, seq: number, revision: number): Position {
  const digest = sha256(`${branchId} adopted ${seq} ${revision}`);
  const slot = ORIGIN.slot + 1;
  return { ...ORIGIN, slot, seq, revision, digest, checked: slot };
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
  readonly epoch: number;
  readonly n: number;
  readonly sha256: string;
  readonly seq: number;
  readonly revision: number;
  readonly timeMs: number;
  /** The first slot that it needs. */
  readonly floor: number;
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
}

/** Every manifest that a head keeps alive. Branches that grow from this one are going to pin theirs here. */
export function namedBy(head: Head): readonly Named[] {
  return head.manifest === null ? head.retained : [...head.retained, head.manifest];
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
