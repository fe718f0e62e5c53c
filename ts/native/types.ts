/**
 * The boundary as the rest of `ts/` sees it: what one open handle of the engine can do, in bytes, strings and numbers.
 *
 * Nothing here knows of encodings, options of the public API, sublevels or promises a write makes; those are decided
 * above. What arrives here must be of the types named here: the layer above validates, this one works. Every failure is
 * a `CoppiceError`. An object belongs to the JavaScript thread that made it; threads of one process that open the same
 * folder share one engine.
 *
 * @module
 */

import type { CoppiceError } from '../errors.js';
import type { Changes, ChangesOptions, DiffEnd } from './diff-types.js';

export type * from './diff-types.js';

/** A key or value on its way in. A string is written as UTF-8. */
export type Bytes = string | Uint8Array;

/** How bytes come out: a string from UTF-8, or a `Buffer` that the caller owns. */
export type Decode = 'utf8' | 'buffer';

export interface EngineOptions {
  createIfMissing: boolean;
  errorIfExists: boolean;
  readOnly: boolean;
  /** Absent: as the database is; a new one keeps none. */
  history: boolean | undefined;
  /** What of a history is kept for sure. Absent: all. */
  retain: { retainRevisions: number | undefined; retainMs: number | undefined };
  /**
   * Others have the log of this database too: see `Replication`. Commits are visible as soon as they are applied, or once
   * `raise` has passed their revision. Absent: it is this folder's alone.
   */
  replicated?: 'applied' | 'raised' | undefined;
  recovery: 'strict' | 'point-in-time';
  /** One budget for memtables, page cache and filters. */
  memoryBytes: number;
  memtableBytes?: number | undefined;
  cacheBytes?: number | undefined;
  maxDiskBytes?: number | undefined;
  compression: boolean;
  /** Values from so many bytes on move into blob files; 0: none. */
  blobBytes: number;
  filter: 'auto' | 'cuckoo' | 'none';
  memtable: { maxLevel: number; probability: number };
  compaction: {
    policy: 'levelled' | 'paired';
    /** Absent: by the number of cores. */
    threads: number | undefined;
    /** Absent: no limit. */
    bytesPerSecond: number | undefined;
    /** Absent: only as work arises. */
    intervalMs: number | undefined;
  };
  /** What is written but nobody waits for is synced at most this much later. */
  syncIntervalMs: number;
  /** Of 32 bytes each, the current one first. Absent: the database is plain. */
  keys?: readonly Uint8Array[] | undefined;
}

/** What an open with `recovery: 'point-in-time'` left out: the log from its first damage on. */
export interface LeftOut {
  /** Where the damage begins, and what it is. */
  file: string;
  offset: number;
  what: string;
  /** Of the log, from the damage on. Unused room at the end of its files counts too. */
  bytes: number;
  /** How many of the log's files hold them. */
  files: number;
  /** Where these files are kept, whole. Absent if the open was read-only, which leaves them where they are. */
  folder?: string;
}

/** What an engine tells without being asked. Delivered on the thread of the handle, never inside a call to it. */
export type EngineEvent =
  | { type: 'room' }
  | { type: 'flush'; bytes: number; ms: number }
  | { type: 'compaction'; level: number; readBytes: number; wroteBytes: number; ms: number }
  | { type: 'work'; work: 'flush' | 'compaction' | 'segment'; begins: boolean }
  | { type: 'stall'; ms: number; reason: string }
  | { type: 'recovered'; records: number; tornBytes: number; leftOut?: LeftOut }
  | { type: 'failed'; error: CoppiceError };

/** An answer of `put`, `del` and `commit`: nothing was done for want of memory; try again, in order, after `room`. */
export const STALLED = -1;

/** An answer of the same calls, with history: nothing was done, because what there was has to be read first; see `commitLater`. */
export const LATER = -3;

/** What came of a commit that another thread made. */
export interface CommitAnswer {
  /** A revision, `STALLED`, or what a guard found. */
  answer: number | Refusal;
  /** Keys that range deletes took, if there were any. */
  deleted: number | undefined;
}

/** A guard of a commit failed: what was found, for each guard that did, by the order of `Slab.check` and `Slab.checkRange`. */
export interface Refusal {
  /** The newest revision at the time of the answer. */
  revision: number;
  /** `revision: null`: there is no such key. Of a range `key` is the first one that was written. */
  conflicts: { guard: number; revision: number | null; key?: Buffer }[];
}

/** An entry with what is known about it besides its bytes. */
export interface FoundEntry<T> {
  value: T;
  revision: number;
  /** Unix milliseconds; absent if it never expires. */
  expiresAtMs: number | undefined;
  /** Both 0 without history. */
  createRevision: number;
  version: number;
}

/** Bounds of a range in key order, whichever way it is read. Absent: open. */
export interface Bounds {
  lower?: Bytes | undefined;
  /** Whether `lower` itself belongs to the range. */
  lowerInclusive?: boolean;
  upper?: Bytes | undefined;
  /** Whether `upper` itself belongs to the range. */
  upperInclusive?: boolean;
}

export interface RowsOptions extends Bounds {
  reverse?: boolean;
  /** Absent: keys are not fetched. */
  keys?: Decode | undefined;
  /** Absent: values are not fetched. */
  values?: Decode | undefined;
  /** Whether `revision` and `expiresAtMs` are fetched. */
  details?: boolean;
  /** With details: whether `createRevision` and `version` are fetched too. */
  versions?: boolean;
  /** The rows are the versions of this key, newest first, and the bounds do not count. Revisions of 0 are none. */
  of?: { key: Bytes; from: number; to: number };
  /** From `Engine.snapshot`; 0 or absent reads the newest state as of the first `next` or `seek`. */
  snapshot?: number;
  /** No more rows than this in all. Known to the engine, so that a short range needs one call. */
  limit?: number | undefined;
}

/**
 * A range being read: one chunk of rows at a time, each fetched by one native call and owned by this object, so that
 * reading row `i` touches nothing native. `i` counts from 0 within the chunk.
 */
export interface Rows {
  /**
   * Fetches the next chunk, of at most `rowsMax` rows (fewer where bytes fill the chunk first). Answers how many rows it
   * holds; 0 when the range is exhausted, and it is then closed, or when it is `cold`. With neither keys, values nor details it only counts.
   */
  next(rowsMax: number, wait?: boolean): number;
  /** Whether the last chunk ended early, perhaps with no row, because a `next` that may not wait met the disk. */
  readonly cold: boolean;
  /** Has another thread wait for the disk, so that `next` has a row. Until then only `close` may be called. */
  warm(): Promise<void>;
  /** Whether the last chunk was the last one: known early, so that a short range needs one call. */
  readonly done: boolean;
  key(i: number): string | Buffer;
  value(i: number): string | Buffer;
  revision(i: number): number;
  expiresAtMs(i: number): number | undefined;
  createRevision(i: number): number;
  /** 0: a delete, among the versions of a key. */
  version(i: number): number;
  /** The next chunk starts at the first row at or past `key` in reading direction; also back. */
  seek(key: Bytes): void;
  /** Lets go of what the engine holds for this range. Harmless twice. Rows already fetched stay readable. */
  close(): void;
}

/** A promise only where the disk has to be waited for, which another thread then does. */
export type Later<T> = T | Promise<T>;

/** A value over 1 MiB, which is not in the slab. It is read while it is staged. */
export interface LargeOp {
  /** The operation of the slab whose value it is. */
  op: number;
  value: Uint8Array;
}

/** Operations on their way into one commit, packed as the engine logs them. Reusable after `clear`. */
export interface Slab {
  /** `deadlineMs`: Unix milliseconds. A batch over the limit throws `COPPICE_TOO_LARGE` here. */
  put(key: Bytes, value: Bytes, deadlineMs?: number): void;
  del(key: Bytes): void;
  /** Deletes from `lower` on up to, without, `upper`, which is greater or of no bytes: then to the end. */
  delRange(lower: Bytes, upper: Bytes): void;
  /** The commit happens only if `key` was last changed by `revision`; `null`: only if it does not exist. */
  check(key: Bytes, revision: number | null): void;
  /**
   * The commit happens only if nothing from `lower` on up to, without, `upper`, which may be of no bytes: to the end, was written
   * after `since`, where a snapshot has to stand that lives.
   */
  checkRange(lower: Bytes, upper: Bytes, since: number): void;
  clear(): void;
  /** Operations. */
  readonly length: number;
  /** Bytes of the log record so far. */
  readonly bytes: number;
  /** Guards. */
  readonly checks: number;
  /** Values to stage before the commit, in the order of their operations. */
  readonly large: readonly LargeOp[];
}

export interface LevelStats {
  files: number;
  bytes: number;
  entries: number;
  deletes: number;
  rangeDeletes: number;
}

export interface BlobStats {
  files: number;
  bytes: number;
  /** Of values that are not needed any more. */
  garbageBytes: number;
}

export interface VerifyProblem {
  file: string;
  offset: number;
  what: string;
}

export interface VerifyResult {
  checkedBytes: number;
  problems: VerifyProblem[];
}

export interface CheckpointResult {
  folder: string;
  revision: number;
  tables: number;
  bytes: number;
}

export interface BackupResult extends CheckpointResult {
  copiedTables: number;
  copiedBytes: number;
}

export interface SalvageResult {
  revision: number;
  keys: number;
  tablesWritten: number;
  bytesWritten: number;
  tablesRead: number;
  tablesLost: number;
  pagesRead: number;
  pagesLost: number;
  recordsKept: number;
  lost: SalvageLoss[];
  notes: string[];
}

/** A place that could not be read. */
export interface SalvageLoss {
  file: string;
  offset: number;
  what: string;
  /** No key that was there is smaller than `from` or larger than `to`. Absent: no bound is known. */
  from?: Buffer;
  to?: Buffer;
}

/** Consecutive records of the log. */
export interface LogRecords {
  first: number;
  last: number;
  /** Of the last one. */
  revision: number;
  timeMs: number;
  /** Each as its length, u32 little endian, and its body as in `docs/formats/log.md`. */
  body: Buffer;
}

/** The last record that a log holds. */
export interface Held {
  seq: number;
  revision: number;
}

/** A moment of a database: all commits up to a revision, or up to a time. */
export type Until = { readonly revision: number } | { readonly timeMs: number };

/** A file of a version. Its content never changes. */
export interface InstallFile {
  kind: 'table' | 'blob';
  /** Its own wherever it is: 16 bytes, as hexadecimal digits. */
  id: string;
  sha256: string;
  bytes: number;
  /** In this folder; elsewhere the same file may have another. */
  name: string;
}

/** What an engine has in tables. Its files stay readable until it is released. */
export interface PinnedVersion {
  /** What `install` needs besides the files: levels, file names, counters; a manifest, as base64. */
  engine: string;
  /** Every record up to this one is in the tables, and no later one. */
  seq: number;
  revision: number;
  /** No earlier than any commit in the tables, and no later than any other. */
  timeMs: number;
  trimRevision: number;
  files: (InstallFile & { folder: string })[];
  /** Harmless twice. */
  release(): void;
}

/**
 * What the nodes of a branch ask of an engine opened with `replicated`. Until `lead(true)` it follows: its own commits are
 * refused with `COPPICE_NOT_LEADER`, and it makes no record by itself.
 */
export interface Replication {
  /** The last record of the log. */
  readonly lastSeq: number;
  /** The last one that is synced. */
  readonly durableSeq: number;
  /**
   * Durable records after `after`: at least one, and no further one once they have `bytesMax` bytes; `undefined` if none is
   * durable yet. Off this thread.
   *
   * @throws `COPPICE_COMPACTED` if the log does not reach back so far.
   */
  readLog(after: number, bytesMax: number): Promise<LogRecords | undefined>;
  /** Makes everything that is logged durable; resolves with the last record that is. Off this thread. */
  sync(): Promise<number>;
  /** What the records after `seq` take in the log, by whole segments. */
  logBytesAfter(seq: number): number;
  /** Calls `listener` when more has become durable; ask `durableSeq` after this for what is. `undefined`: nobody listens. */
  onLogged(listener: ((seq: number) => void) | undefined): void;
  /** Nobody needs records up to `seq` any more. Until the first call after an open all are kept. Off this thread. */
  keepLog(seq: number): Promise<void>;
  /** From now on commits are made here, or no more: when it returns, the last one has its sequence. */
  lead(leads: boolean): void;
  /** With `raised`: readers see commits up to this revision. Never more than there is; going back changes nothing. */
  raise(revision: number): void;
  /**
   * Applies the records of a `LogRecords.body` that are not held yet, but for those past `until`; resolves with the last
   * one held. They are durable after `sync`. Off this thread.
   *
   * @throws `COPPICE_INVALID` if there is a gap, `COPPICE_CORRUPT` if they are not of this log.
   */
  apply(records: Uint8Array, until: readonly Until[]): Promise<Held>;
  /** Moves everything that is logged into tables, and pins those. Off this thread. */
  flush(): Promise<PinnedVersion>;
  /** Pins the tables that there are, without what is not in tables yet. */
  tables(): Promise<PinnedVersion>;
}

/** One open handle. After `close` every call throws `COPPICE_CLOSED`. */
/** How everything is read and checked. */
export interface VerifyCall {
  readonly onProgress?: ((doneBytes: number, totalBytes: number) => void) | undefined;
  /** No faster. */
  readonly bytesPerSecond?: number | undefined;
  /** Whether the process stays alive for it; else it may end in the middle. Default true. */
  readonly holds?: boolean;
}

export interface Engine {
  /** The newest revision that reads see. */
  readonly revision: number;
  /** By which deadlines pass, in Unix milliseconds: the clock's time, but never earlier than at any commit. */
  readonly nowMs: number;
  /** Whether past versions are kept until trimmed. */
  readonly history: boolean;
  /** How far compaction is behind, as `Pressure` has it. */
  readonly pressure: number;
  /** If it was opened with `replicated`. */
  readonly replication: Replication | undefined;

  /** Reads the disk on the calling thread where it has to. */
  get(key: Bytes, decode: 'utf8', snapshot?: number): string | undefined;
  get(key: Bytes, decode: 'buffer', snapshot?: number): Buffer | undefined;
  get(key: Bytes, decode: Decode, snapshot?: number): string | Buffer | undefined;
  /** As `get`, without waiting for the disk on this thread. It sees what was there when it was called. */
  read(key: Bytes, decode: Decode, snapshot?: number): Later<string | Buffer | undefined>;
  entry(key: Bytes, decode: Decode, snapshot?: number): Later<FoundEntry<string | Buffer> | undefined>;
  has(key: Bytes, snapshot?: number): Later<boolean>;
  rows(options: RowsOptions): Rows;
  moment(snapshot: number): DiffEnd;
  /** What leads from a moment, which may be another engine's, to one of this engine. */
  changes(before: DiffEnd, snapshot: number, options: ChangesOptions): Changes;

  /** Applies one put on the calling thread; answers its revision, `STALLED` or `LATER`. It is visible at once. */
  put(key: Bytes, value: Bytes, deadlineMs?: number): number;
  del(key: Bytes): number;
  /** An empty slab for `commit`, here or on another handle of this thread. */
  slab(): Slab;
  /** Applies a slab as one revision. The slab keeps its content: clear it to use it again. `large`: `slab.large`, staged. */
  commit(slab: Slab, large?: readonly number[]): number | Refusal;
  /** As `commit`, on another thread, which may wait for the disk; never `LATER`. */
  commitLater(slab: Slab, large?: readonly number[]): Promise<CommitAnswer>;
  /** Writes a large value to the disk, off this thread; answers the number that `commit` takes. */
  stage(value: Uint8Array): Promise<number>;
  /** Lets go of a staged value. What no commit took leaves nothing. Harmless twice. */
  unstage(large: number): void;
  /**
   * Resolves once everything up to `revision` is with the operating system (`process`: one write a tick) or synced
   * (`disk`: one callback a group commit). While it is pending the process stays alive.
   */
  settle(revision: number, durability: 'process' | 'disk'): Promise<void>;

  /** Pins the newest state; answers the number that reads take. */
  snapshot(): number;
  /** Pins the state at a revision. */
  snapshotAt(revision: number): number;
  snapshotRevision(snapshot: number): number;
  /** Harmless twice. Reads of a released snapshot throw `COPPICE_CLOSED`. */
  releaseSnapshot(snapshot: number): void;

  // The rest works off this thread and keeps the process alive until it is done.
  flush(): Promise<void>;
  /** Merges what lies between the bounds, both of which belong to it. */
  compact(lower: Bytes | undefined, upper: Bytes | undefined): Promise<void>;
  /** About how much of the files the keys from `lower` up to and without `upper` take. */
  approximateBytes(lower: Bytes | undefined, upper: Bytes | undefined): Promise<number>;
  /** Forgets what was before a revision; durable when it resolves. */
  trim(revision: number): Promise<void>;
  verify(options?: VerifyCall): Promise<VerifyResult>;
  /** Writes a checkpoint into `folder`, which must not exist or be empty. */
  checkpoint(folder: string): Promise<CheckpointResult>;
  /** Brings the backup in `folder` up to date. */
  backup(folder: string, onProgress?: (doneBytes: number, totalBytes: number) => void): Promise<BackupResult>;
  /** Waits for what is being settled, then closes. The engine itself closes with the last handle of the process. */
  close(): Promise<void>;
  stats(): EngineStats;
}

/** What is held now. */
export interface Census {
  /** Of the whole process: engines that are open, being opened or being closed; tasks that run. */
  engines: number;
  tasks: number;
  /** Of this thread: open handles, ranges that were begun, snapshots. */
  databases: number;
  ranges: number;
  snapshots: number;
}

/** Counted since the engine was opened in this process, by all handles, unless it says what is there now. */
export interface EngineStats {
  /** Now. Exact where no key was written twice. */
  keysEstimate: number;
  /** Now: tables, blob files and log. */
  diskBytes: number;
  logBytes: number;
  memtableBytes: number;
  memtables: number;
  levels: LevelStats[];
  blobs: BlobStats;
  /** Of an encrypted database: its current key, then others that are still needed; and how many files each encrypts. */
  keys: { id: string; files: number }[];
  /** Now: pages held uncompressed. */
  cacheBytes: number;
  cacheHits: number;
  cacheMisses: number;
  /** Now: indexes and filters of open tables. */
  residentBytes: number;
  filterPasses: number;
  filterFalsePasses: number;
  snapshots: number;
  /** Now; only with history. */
  history?: { versions: number; trimRevision: number; superseded: number };
  commits: number;
  /** Keys and values as they were given. */
  userBytes: number;
  flushes: number;
  flushedBytes: number;
  compactions: number;
  compactedBytes: number;
  stalls: number;
  stalledMs: number;
  commitWaitMsMax: number;
  /** Now: how far compaction is behind. From 0.5 on writes are slowed down; at 1 they are as slow as compaction. */
  pressure: number;
  delays: number;
  delayedMs: number;
  garbageCompactions: number;
  tablesDropped: number;
  recoveredRecords: number;
  revision: number;
  writtenRevision: number;
  durableRevision: number;
}
