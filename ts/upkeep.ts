/**
 * The slow calls: flush, compact, verify, checkpoint, backup. They work off the JavaScript thread.
 *
 * @module
 */

import { resolve } from 'node:path';
import { orAborted, throwIfAborted } from './abort.js';
import { aborted, CoppiceError, invalid } from './errors.js';
import type { Handle } from './handle.js';
import type { Keyspace } from './keyspace.js';
import { checkNames, fn, names, signal } from './options/check.js';
import { checkPath } from './options/open.js';
import { KEY_RANGE, type KeyRange, keyRange } from './options/range.js';
import type { Progress } from './repository/index.js';

export type { Progress };

export interface CompactOptions<K> {
  /** Only what lies in this range. Default: everything. */
  range?: KeyRange<K>;
}

export interface VerifyOptions {
  /** Called now and then with what was checked so far. */
  onProgress?: (progress: Progress) => void;
  /** Gives up waiting; what is being read is finished in the background. */
  signal?: AbortSignal;
}

/** What `verify` found. */
export interface VerifyReport {
  /** Whether there is no problem. */
  ok: boolean;
  checkedBytes: number;
  /** What is damaged, and where. */
  problems: { file: string; offset: number; what: string }[];
}

export interface CheckpointOptions {
  /** A folder that does not exist or is empty. Default: the `store` of the database. */
  to?: string;
  /** Called now and then with the bytes that are in the store so far, of those that were not; of a folder once, at the end. */
  onProgress?: (progress: Progress) => void;
}

/** A complete copy of a database as of one revision, which opens like any other. */
export interface CheckpointInfo {
  /** The newest commit in it. */
  revision: number;
  tables: number;
  /** Of tables and files of large values. What else is in the folder has some kilobytes. */
  bytes: number;
  /** When it was completed. */
  at: Date;
  /** The folder, as an absolute path; or where in the store its manifest is. */
  location: string;
}

export interface BackupOptions {
  /** A folder that is absent, empty, or holds an earlier backup of this database. On any file system. */
  to: string;
  /** Called now and then with the bytes that were copied so far, of those that are to be. */
  onProgress?: (progress: Progress) => void;
}

/** What a backup folder holds after a backup. */
export interface BackupInfo extends CheckpointInfo {
  /** Tables, and their bytes, that the folder did not hold before. */
  copiedTables: number;
  copiedBytes: number;
}

const COMPACT = names('compact', ['range'], ['history', 'onProgress']);
const COMPACT_RANGE = names('the range of compact', KEY_RANGE);
const VERIFY = names('verify', ['onProgress', 'signal']);
const CHECKPOINT = names('checkpoint', ['to', 'onProgress']);
const BACKUP = names('backup', ['to', 'onProgress']);

export async function compact<K, V>(handle: Handle, space: Keyspace<K, V>, options: CompactOptions<K>): Promise<void> {
  checkNames(options, COMPACT);
  const { lower, upper } = keyRange(options.range === undefined ? {} : options.range, COMPACT_RANGE, space);
  await handle.live().compact(lower, upper);
}

export async function verify(handle: Handle, options: VerifyOptions): Promise<VerifyReport> {
  checkNames(options, VERIFY);
  const onProgress = options.onProgress === undefined ? undefined : fn(options.onProgress, 'onProgress');
  const giveUp = options.signal === undefined ? undefined : signal(options.signal);
  throwIfAborted(giveUp, 'verify');
  const progress = (done: number, total: number) => onProgress?.({ phase: 'verify', done, total, unit: 'bytes' });
  const working = handle.live().verify(onProgress === undefined ? undefined : progress);
  const { checkedBytes, problems } = await (giveUp === undefined
    ? working
    : orAborted(working, giveUp, () => aborted(giveUp, 'verify')));
  return { ok: problems.length === 0, checkedBytes, problems };
}

export async function checkpoint(handle: Handle, options: CheckpointOptions): Promise<CheckpointInfo> {
  checkNames(options, CHECKPOINT);
  const { branch } = handle;
  const onProgress = options.onProgress === undefined ? undefined : fn(options.onProgress, 'onProgress');
  if (options.to === undefined && branch !== undefined) {
    handle.live();
    if (branch.follows)
      throw new CoppiceError('READONLY', 'a replica publishes no checkpoint: name a folder with "to"');
    return handle.finish(branch.checkpoint(onProgress));
  }
  const location = folderOf(options, 'checkpoint');
  const { revision, tables, bytes } = await handle.live().checkpoint(location);
  await handle.visible(revision);
  const info = { revision, tables, bytes, at: new Date(), location };
  handle.events.emit('checkpoint', info);
  onProgress?.({ phase: 'checkpoint', done: bytes, total: bytes, unit: 'bytes' });
  return info;
}

export async function backup(handle: Handle, options: BackupOptions): Promise<BackupInfo> {
  checkNames(options, BACKUP);
  const location = folderOf(options, 'backup');
  const onProgress = options.onProgress === undefined ? undefined : fn(options.onProgress, 'onProgress');
  const progress = (done: number, total: number) => onProgress?.({ phase: 'backup', done, total, unit: 'bytes' });
  const result = await handle.live().backup(location, onProgress === undefined ? undefined : progress);
  const { revision, tables, bytes, copiedTables, copiedBytes } = result;
  await handle.visible(revision);
  return { revision, tables, bytes, copiedTables, copiedBytes, at: new Date(), location };
}

/** The absolute path of the folder that a copy goes to. */
function folderOf({ to }: { to?: unknown }, call: string): string {
  if (to === undefined) throw invalid('to', `the folder to write the ${call} to`, to);
  if (typeof to === 'object' && to !== null) {
    const message = `a ${call} in an object store comes in a later version of coppice: name a folder`;
    throw new CoppiceError('UNSUPPORTED', message, { details: { option: 'to' } });
  }
  return resolve(checkPath(to, 'to'));
}
