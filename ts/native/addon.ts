/**
 * The functions of the addon, as `crates/node` exports them. Used inside `ts/native/` only.
 *
 * Every function answers `null` when it failed; `takeFailure` then tells why. A handle, snapshot or cursor is a number
 * that means nothing to another thread; a stale one is refused.
 *
 * @module
 */

import type { NativeFailure } from '../errors.js';
import type { Bytes } from './types.js';

/** Where the data of the shared buffer begins; before it stand numbers, whose meaning each call says. */
export const HEADER_BYTES = 64;

/** The first argument of `wake`. */
export const WAKE_DURABLE = 0;
export const WAKE_EVENT = 1;
export const WAKE_DONE = 2;
export const WAKE_PROGRESS = 3;
export const WAKE_LOGGED = 4;
export const WAKE_SEAT = 5;

/** An answer of `put`, `del` and `commit` that is no revision; the others are `STALLED` and `LATER`. */
export const WRITE_REFUSED = -2;

/** What is told of a conflict, without its key. */
export const CONFLICT_BYTES = 24;

/** The `flags` of `rangeOpen`. */
export const ROWS_KEYS = 1 << 0;
export const ROWS_KEYS_AS_TEXT = 1 << 1;
export const ROWS_VALUES = 1 << 2;
export const ROWS_VALUES_AS_TEXT = 1 << 3;
export const ROWS_DETAILS = 1 << 4;
export const ROWS_VERSIONS = 1 << 5;
export const ROWS_REVERSE = 1 << 8;
export const ROWS_HAS_LOWER = 1 << 9;
export const ROWS_HAS_UPPER = 1 << 10;
export const ROWS_LOWER_EXCLUSIVE = 1 << 11;
export const ROWS_UPPER_EXCLUSIVE = 1 << 12;
export const ROWS_WAIT = 1 << 13;

/** The flags of a chunk. */
export const CHUNK_KEYS_ASCII = 1;
export const CHUNK_VALUES_ASCII = 2;
export const CHUNK_VALUE_TOO_LARGE = 4;
export const CHUNK_COLD = 8;

/** Whether a read may wait for the disk on the calling thread. */
export type Wait = 0 | 1;

/** What a read in the pool finds; `undefined` if there is no such entry. */
export type FoundByTask =
  | { value?: string | Buffer; revision: number; deadline: number; createRevision: number; version: number }
  | undefined;

/** What `diffNext` finds of a key that differs. */
export interface ChangeByTask {
  key: string | Buffer;
  before?: NonNullable<FoundByTask>;
  after?: NonNullable<FoundByTask>;
}

/** What comes of `commitLater`: a revision, or what `commit` answers else; the conflicts as pairs. */
export interface CommitByTask {
  revision: number;
  deleted?: number;
  conflicts: { guard: number; revision: number; key?: Buffer }[];
  newest: number;
}

/** A file as `pinVersion` and `wantedFiles` have it. */
export interface WantedFile {
  kind: 'table' | 'blob';
  id: Buffer;
  sha256: Buffer;
  bytes: number;
  name: string;
}

/** What comes of `pinVersion`. */
export interface PinnedByTask {
  pin: number;
  engine: Buffer;
  seq: number;
  revision: number;
  timeMs: number;
  trimRevision: number;
  folder: string;
  files: WantedFile[];
}

/** Called for all that other threads have to say. */
export type Wake = (kind: number, number: number, a: unknown, b: unknown) => void;

export interface AddonOptions {
  createIfMissing: boolean;
  errorIfExists: boolean;
  readOnly: boolean;
  history?: boolean | undefined;
  retainRevisions?: number | undefined;
  retainMs?: number | undefined;
  replicated?: string | undefined;
  recovery: string;
  memoryBytes: number;
  memtableBytes?: number | undefined;
  cacheBytes?: number | undefined;
  maxDiskBytes?: number | undefined;
  compression: boolean;
  blobBytes: number;
  filter: string;
  maxLevel: number;
  probability: number;
  policy: string;
  threads?: number | undefined;
  bytesPerSecond?: number | undefined;
  intervalMs?: number | undefined;
  syncIntervalMs: number;
}

export interface Addon {
  attach(shared: Uint8Array, wake: Wake): null | undefined;
  takeFailure(): NativeFailure | undefined;
  /** Whether the event loop stays alive for what is awaited. */
  hold(held: 0 | 1): null | undefined;
  /** Header: engines, tasks (of the process), databases, ranges, snapshots (of this thread). */
  census(): null | undefined;

  // With `wait` 0, a negative number: the task, made positive, that waits for the disk and finds a `FoundByTask`.
  getText(handle: number, key: Bytes, snapshot: number, wait: Wait): string | number | undefined | null;
  /** A number from 0 on: so many bytes of data. */
  getBytes(handle: number, key: Bytes, snapshot: number, wait: Wait): number | Buffer | undefined | null;
  /** Header: revision, deadline or 0, create revision and version, both 0 without history. */
  getEntry(
    handle: number,
    key: Bytes,
    snapshot: number,
    wait: Wait,
    text: 0 | 1,
  ): string | number | Buffer | undefined | null;
  has(handle: number, key: Bytes, snapshot: number, wait: Wait): number | null;

  put(handle: number, key: Bytes, value: Bytes, deadlineMs: number): number | null;
  del(handle: number, key: Bytes): number | null;
  /** Refused: header: revision, conflicts; data: for each its guard, revision or 0, bytes of its key or -1; then the keys. */
  commit(handle: number, body: Uint8Array, bytes: number, guards: Uint8Array | undefined): number | null;

  /** As `commit`; `large`: for each value its operation and its number, both `f64`. */
  commitLarge(
    handle: number,
    body: Uint8Array,
    bytes: number,
    guards: Uint8Array | undefined,
    large: Uint8Array,
  ): number | null;
  /** Starts a task that does what `commitLarge` does, and may wait for the disk: a `CommitByTask`. */
  commitLater(
    handle: number,
    body: Uint8Array,
    bytes: number,
    guards: Uint8Array | undefined,
    large: Uint8Array,
  ): number | null;
  largeBegin(handle: number): number | null;
  /** These two start a task and answer its number. */
  largeWrite(large: number, piece: Uint8Array): number | null;
  largeEnd(large: number): number | null;
  largeDrop(large: number): null | undefined;

  /** Refused with `LOCKED` while anyone else has it. */
  lockFile(path: string): number | null;
  unlockFile(lock: number): null | undefined;

  /** A member of the seat of a folder. */
  joinSeat(folder: string, lock: string, agreement: string): number | null;
  leaveSeat(member: number): null | undefined;
  agreementOfSeat(member: number): string | null;
  attachToSeat(member: number): 0 | 1 | null;
  takeSeat(member: number): 0 | 1 | null;
  saySeat(member: number, text: string): null | undefined;
  saidOfSeat(member: number): string | null;
  seatIsCurrent(member: number): 0 | 1 | null;
  askSeat(member: number, text: string): null | undefined;
  askedOfSeat(member: number): string | undefined | null;
  othersOfSeat(member: number): number | null;
  handOverSeat(member: number): 0 | 1 | null;
  detachFromSeat(member: number): 0 | 1 | null;

  revision(handle: number): number | null;
  keepsHistory(handle: number): 0 | 1 | null;
  now(handle: number): number | null;
  pressure(handle: number): number | null;
  writeOut(handle: number): number | null;
  requestSync(handle: number, revision: number): number | null;

  lastSeq(handle: number): number | null;
  durableSeq(handle: number): number | null;
  /** A task: a `LogRecords`, or `undefined`. */
  readLog(handle: number, after: number, bytesMax: number): number | null;
  /** A task: the last sequence that is durable then. */
  syncLog(handle: number): number | null;
  logBytesAfter(handle: number, seq: number): number | null;
  listenLogged(handle: number, listens: 0 | 1): null | undefined;
  /** A task. */
  keepLog(handle: number, after: number): number | null;
  lead(handle: number, leads: 0 | 1): null | undefined;
  raise(handle: number, revision: number): null | undefined;
  /** A task: `Held`. */
  applyRecords(
    handle: number,
    records: Uint8Array,
    untilRevision: number | undefined,
    untilMs: number | undefined,
  ): number | null;
  /** A task: a `PinnedByTask`. */
  pinVersion(handle: number, flushes: 0 | 1): number | null;
  unpin(pin: number): null | undefined;

  snapshot(handle: number): number | null;
  snapshotAt(handle: number, revision: number): number | null;
  snapshotRevision(snapshot: number): number | null;
  releaseSnapshot(snapshot: number): null | undefined;

  /** A task: the number of the diff. `flags` as for `rangeOpen`. */
  diffOpen(
    handle: number,
    flags: number,
    snapshot: number,
    before: number,
    beforeSnapshot: number,
    lower: Bytes | undefined,
    upper: Bytes | undefined,
  ): number | null;
  /** A task: `ChangeByTask[]`, about as many bytes of them; none at the end. */
  diffNext(diff: number, bytes: number): number | null;
  diffClose(diff: number): null | undefined;

  /** How many rows the chunk holds. Header: cursor or 0, room of the columns, key bytes, value bytes, flags. */
  rangeOpen(
    handle: number,
    flags: number,
    snapshot: number,
    rows: number,
    limit: number,
    lower: Bytes | undefined,
    upper: Bytes | undefined,
  ): number | null;
  /** As `rangeOpen`, of the versions of a key; revisions of 0 are none. */
  versionsOpen(
    handle: number,
    flags: number,
    snapshot: number,
    rows: number,
    limit: number,
    key: Bytes,
    from: number,
    to: number,
  ): number | null;
  rangeNext(cursor: number, rows: number, limit: number, wait: Wait): number | null;
  /** After this task `rangeNext` has a row. No other call may use the cursor meanwhile, but `rangeClose`. */
  rangeWarm(cursor: number): number | null;
  rangeValue(cursor: number, text: 0 | 1): string | Buffer | null;
  rangeSeek(cursor: number, key: Bytes): null | undefined;
  rangeClose(cursor: number): null | undefined;

  // These start a task and answer its number.
  open(path: string, options: AddonOptions, keys: Uint8Array[] | undefined): number | null;
  close(handle: number): number | null;
  flush(handle: number): number | null;
  compact(handle: number, lower: Uint8Array | undefined, upper: Uint8Array | undefined): number | null;
  approximateBytes(handle: number, lower: Uint8Array | undefined, upper: Uint8Array | undefined): number | null;
  trim(handle: number, revision: number): number | null;
  verify(handle: number, bytesPerSecond: number | undefined): number | null;
  checkpoint(handle: number, folder: string): number | null;
  backup(handle: number, folder: string): number | null;
  salvage(from: string, to: string, keys: Uint8Array[] | undefined): number | null;
  untilClosed(folder: string): number | null;
  installFiles(folder: string, manifest: Uint8Array, keys: Uint8Array[] | undefined): number | null;
  clearFolder(folder: string): number | null;
  /** Comes to 1 if everything beyond is gone, to 0 if nothing was done. */
  cutLog(folder: string, after: number, keys: Uint8Array[] | undefined): number | null;

  stats(handle: number): object | null;
  wantedFiles(manifest: Uint8Array): WantedFile[] | null;
}
