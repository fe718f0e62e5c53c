/**
 * Coppice: an embedded, ordered key-value database.
 *
 * This is everything the package offers to programs, but for packing tuples by hand (`coppice/encoding`). Start at `open`.
 *
 * @module
 */

export type { Batch, Check, Conflict } from './batch.js';
export {
  type BranchExpiry,
  type BranchOffOptions,
  type CollectOptions,
  type CreateBranchOptions,
  collect,
  createBranch,
  createTag,
  type DropBranchOptions,
  dropBranch,
  dropTag,
  type ExpireBranchOptions,
  expireBranch,
  listBranches,
  listTags,
  type Moment,
  type PromoteBranchOptions,
  promoteBranch,
  type RepositoryOptions,
  type ResetBranchOptions,
  resetBranch,
  type TagInfo,
  type TagOptions,
} from './branches.js';
export type { Change, Changes } from './changes.js';
export type { Database } from './database.js';
export type { Detached } from './detach.js';
export type {
  Decoded,
  EncodedTypes,
  Encoding,
  EncodingName,
  KeyEncoding,
  KeyEncodingName,
  Tuple,
  TupleItem,
  ValueEncoding,
} from './encoding/index.js';
export { TupleDouble, TupleFloat, TupleUuid, TupleVersionstamp } from './encoding/index.js';
export { CoppiceError, type ErrorCode, type ErrorDetails } from './errors.js';
export type { Events } from './events.js';
export type { Entry, Version } from './keyspace.js';
export { type StoreLogOptions, storeLog } from './log.js';
export type { MergeConflict, Merged, MergeOptions, Resolution, Resolve, Unmerged } from './merge.js';
export type { LeftOut } from './native/types.js';
export { type OpenOptions, open } from './open.js';
export type { Duration } from './options/duration.js';
export type { EncryptionKey, EncryptionOptions } from './options/encryption.js';
export type { CompactionOptions } from './options/open.js';
export type { Beginning, Bound, KeyRange } from './options/range.js';
export type { CloseOptions, Durability, Expiry, PutOptions, WriteOptions } from './options/write.js';
export type { AnySnapshot, ReadOptions } from './pin.js';
export type { Range } from './range.js';
export type { DiffOptions, HistoryOptions, RangeOptions, Reader } from './reader.js';
export type {
  BranchInfo,
  BranchOptions,
  BranchStatus,
  CollectedBranch,
  LogEvent,
  RestoreFrom,
  StoreCheckpoints,
} from './repository/index.js';
export {
  fsStore,
  type Loss,
  memoryStore,
  type ObjectStore,
  type Outcome,
  outcomeOf,
  type ProbeCheck,
  type ProbeReport,
  probe,
  type Reason,
  type S3ClientLike,
  type S3Credentials,
  type S3Options,
  type StoredHead,
  type StoredObject,
  type StoreGetOptions,
  type StoreListOptions,
  type StoreOptions,
  type StorePutOptions,
  s3,
  storeAt,
} from './repository/store/index.js';
export { type RestoreOptions, restore } from './restore.js';
export { type SalvageLoss, type SalvageOptions, type SalvageReport, salvage } from './salvage.js';
export type { Snapshot } from './snapshot.js';
export type { Stats } from './stats.js';
export type { Sublevel, SublevelOptions } from './sublevel.js';
export type {
  BeginOptions,
  IsolationOptions,
  Transaction,
  TransactionOptions,
  TransactionRangeOptions,
} from './transaction/index.js';
export type {
  BackupInfo,
  BackupOptions,
  CheckpointInfo,
  CheckpointOptions,
  CompactOptions,
  Progress,
  VerifyOptions,
  VerifyReport,
} from './upkeep.js';
export type { Commit, Pressure } from './write-queue.js';
export type { AnySublevel, DelRangeOptions, Op, RangeCommit, Writer } from './writer.js';
