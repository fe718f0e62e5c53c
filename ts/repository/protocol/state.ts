/**
 * The machine seen from outside: what it is told (events), what it asks for (actions), what it remembers (state).
 *
 * The shell around it carries out actions in their order and answers each request once, with what came of it. `unknown`
 * is an answer: the store did not say, and what was asked may have happened, may happen later, or never.
 *
 * @module
 */

import type { Change } from './change.js';
import type { Head, Made, Manifest, Named, Owner, Policy, Position, Records, Slot, Table, Until } from './objects.js';

/** A `writer` takes the branch when it opens it; a `standby` when its owner has gone; a `replica` never. */
export type Mode = 'writer' | 'standby' | 'replica';

export interface Settings {
  readonly branch: string;
  readonly mode: Mode;
  readonly owner: Owner;
  /** Random, for the case that the branch has to be created. */
  readonly newBranchId: string;
  readonly policy: Policy;
  /** How long records wait for others to share a slot with; 0: not at all. Every slot is a request that is paid for. */
  readonly lingerMs: number;
  /** How long a follower that has seen everything waits until it looks again. */
  readonly pollMs: number;
  /** How long an owner that promised to show that it lives must have shown nothing before a standby takes over. */
  readonly takeoverMs: number;
  /** A copy of the branch as it was then, in an empty folder; it does not follow any further. Null: to the end, and on. */
  readonly until: Until | null;
  /** Of a copy: it begins with the oldest checkpoint that is kept, to see that the whole log comes to the same. */
  readonly oldest?: boolean | undefined;
  readonly backOffMsMin: number;
  readonly backOffMsMax: number;
}

/** What the local disk holds of a branch. */
export interface Local {
  readonly branchId: string;
  /** Written together with the records before it. */
  readonly position: Position;
  /** The last record on the disk. Beyond `position` lie records of this node that no slot is known to hold. */
  readonly logged: number;
}

/** The tables that the engine has flushed, which are the whole database at `seq`. */
export interface Flushed {
  /** What the engine needs besides to open them again. */
  readonly engine: unknown;
  readonly seq: number;
  readonly revision: number;
  readonly timeMs: number;
  readonly trimRevision: number;
  readonly tables: readonly Made[];
}

/** The last record that an engine holds. */
export interface Held {
  readonly seq: number;
  readonly revision: number;
}

/** What is asked for: of the store, of the clock, and of the engine. */
export type Request =
  /** The next `ahead` slots after this one are known to exist: they may be fetched as well. */
  | { readonly type: 'get'; readonly key: string; readonly ahead?: number }
  /** `etag`: of what it replaces; null, only where nothing stands. */
  | {
      readonly type: 'put';
      readonly key: string;
      readonly body: Head | Manifest | Slot | Table;
      readonly etag: string | null;
    }
  /** Whether it is there; its content is not wanted. */
  | { readonly type: 'look'; readonly key: string }
  /** Only names that come after the one, and before the other. */
  | { readonly type: 'list'; readonly prefix: string; readonly after?: string; readonly before?: string }
  | { readonly type: 'delete'; readonly keys: readonly string[] }
  | { readonly type: 'wait'; readonly ms: number }
  /** Durable records after this one, as many as fit in a slot. */
  | { readonly type: 'read log'; readonly after: number }
  /** Everything that is logged into tables; the disk remembers `position` before this is answered. */
  | { readonly type: 'flush'; readonly position: Position }
  /** Whatever the disk held is replaced by these tables, or by nothing, and it remembers this position. */
  | { readonly type: 'install'; readonly manifest: Manifest | null; readonly position: Position }
  /**
   * Those of the records that the log does not hold yet, and that are not past any of these moments. Where there is a position
   * the disk may remember it; none, where the records go past one.
   */
  | {
      readonly type: 'apply';
      readonly records: Records;
      readonly position: Position | null;
      readonly until: readonly Until[];
    }
  /**
   * The disk remembers the position. If there are commits to come it is ready for them before this is answered; else, as long as it
   * remembers nothing, it may go on doing so: what it holds is all in the store.
   */
  | { readonly type: 'remember'; readonly position: Position; readonly forCommits: boolean }
  /** Takes back every record beyond the position, for ever. */
  | { readonly type: 'cut'; readonly position: Position };

/** What the shell is told. */
export type Notice =
  /** From here on commits are accepted; the first comes after what is logged. */
  | { readonly type: 'lead'; readonly epoch: number }
  /** Records up to here are in the store, below every fence to come. */
  | { readonly type: 'acknowledge'; readonly position: Position }
  /** Not leading any more. What was committed and not acknowledged is taken back and never becomes visible. */
  | { readonly type: 'fenced'; readonly epoch: number }
  /** A checkpoint is in force: the local log is needed from its last record on only. */
  | { readonly type: 'published'; readonly seq: number }
  | { readonly type: 'closed' }
  /** The copy is complete. */
  | { readonly type: 'restored' }
  /** An operator is needed. */
  | { readonly type: 'failed'; readonly reason: string };

export type Action = (Request & { readonly id: number }) | Notice;

export type Answer =
  | { readonly type: 'stored'; readonly etag: string }
  /** The condition of a put did not hold (412; 404 where a head is gone), or another put was under way (409). */
  | { readonly type: 'lost' }
  | { readonly type: 'found'; readonly body: unknown; readonly etag: string }
  | { readonly type: 'missing' }
  /** `why`: for people, in `status`. */
  | { readonly type: 'unknown'; readonly why?: string }
  | { readonly type: 'listed'; readonly keys: readonly string[] }
  /** Deleted, elapsed, installed, remembered, cut. */
  | { readonly type: 'done' }
  /** The last record that the log holds. */
  | ({ readonly type: 'applied' } & Held)
  | { readonly type: 'records'; readonly records: Records }
  | { readonly type: 'flushed'; readonly flushed: Flushed };

export type Event = { readonly nowMs: number } & (
  | { readonly type: 'answer'; readonly id: number; readonly answer: Answer }
  /** The local log is durable up to here. */
  | { readonly type: 'logged'; readonly seq: number }
  /** `own`: tables of other branches are stored anew, under names of this one. */
  | { readonly type: 'checkpoint'; readonly own?: boolean }
  | { readonly type: 'collect' }
  /** Take over without waiting for the owner to be silent. */
  | { readonly type: 'claim' }
  /** Ship everything, give the branch up, and end. */
  | { readonly type: 'close' }
);

/**
 * Where a machine stands. Each but the last five is left by the answer to what it asked when it was entered.
 *
 * @inline
 */
export type Phase =
  | 'opening'
  | 'creating'
  | 'regrowing'
  | 'installing'
  | 'reading'
  | 'applying'
  | 'ending'
  | 'waiting'
  | 'claiming'
  | 'fencing'
  | 'confirming'
  | 'beginning'
  | 'lingering'
  | 'gathering'
  | 'shipping'
  | 'settling'
  | 'disputing'
  | 'releasing'
  | 'cutting'
  | 'leading'
  | 'restored'
  | 'deposed'
  | 'closed'
  | 'failed';

/**
 * What a request is for. Most are made by a phase; the others run beside the log while the node leads.
 *
 * @inline
 */
export type Purpose =
  | Phase
  | 'changing'
  | 'rereading'
  | 'renewing'
  | 'looking'
  | 'flushing'
  | 'comparing'
  | 'uploading'
  | 'publishing'
  | 'sparing'
  | 'listing'
  | 'deleting';

export interface Pending {
  readonly purpose: Purpose;
  readonly request: Request;
  /** Times in a row that nobody knew what came of it, */
  readonly failures: number;
  /** and why, the last time. */
  readonly why: string;
  /** It is made again when the wait for that is over. */
  readonly waiting: boolean;
}

/** A head that was read or written. */
export interface Seen {
  readonly head: Head;
  readonly etag: string;
}

/** A change of the head under way: what was meant, what it started from, and the very bytes that were sent. */
export interface Changing {
  readonly change: Change;
  readonly base: Seen | null;
  readonly next: Head;
}

export interface Checkpoint {
  /** Where the log stood before the flush. */
  readonly position: Position;
  /** Objects of this epoch from this number on belong to it. */
  readonly firstN: number;
  /** Tables of other branches do not count as uploaded. */
  readonly own: boolean;
  readonly flushed: Flushed | null;
  /** Null, until it is known which of them the store has. */
  readonly tables: readonly Table[] | null;
  readonly uploading: number;
  readonly manifest: Manifest | null;
}

/** The names of the tables that manifests name, by the names of the manifests. */
export type Known = Readonly<Record<string, readonly string[]>>;

export interface Collection {
  readonly head: Head;
  /** The manifests that it names, */
  readonly kept: readonly string[];
  /** and those of them that still have to be read. */
  readonly unread: readonly string[];
}

export interface State {
  readonly settings: Settings;
  readonly phase: Phase;
  readonly branchId: string;
  /** The log as it has been read, or written. */
  readonly log: Position;
  /** The last durable record of the local log. */
  readonly logged: number;
  /** Its revision when it was applied, or installed: of the log of another branch only a part may be this one's. */
  readonly heldRevision: number;
  /** The last one when a slot was gathered last: what of it the slot did not take waits for the next. */
  readonly due: number;
  readonly head: Seen | null;
  /** When the owner last showed that it lives. */
  readonly aliveMs: number;
  /** Told to take over. */
  readonly told: boolean;
  /** What this node owns; 0 if nothing. */
  readonly epoch: number;
  /** The slot that is being applied or written. */
  readonly slot: Slot | null;
  /** The checkpoint that it grows from. */
  readonly base: Named | null;
  /** What is being installed; and, once it leads, the manifest of its head, as far as it is known. */
  readonly manifest: Manifest | null;
  /** It leads, and has learned that it must not. */
  readonly overtaken: boolean;
  /** It is to give the branch up. */
  readonly closing: boolean;
  readonly changing: Changing | null;
  readonly changes: readonly Change[];
  readonly checkpoint: Checkpoint | null;
  readonly collection: Collection | null;
  /** What has been read or written once, and is kept. */
  readonly known: Known;
  /** The number of the last object that was named in this epoch. */
  readonly n: number;
  readonly nonces: number;
  readonly lastId: number;
  readonly requests: Readonly<Record<number, Pending>>;
  readonly reason: string;
}
