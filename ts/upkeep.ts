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
import { boolean, checkNames, fn, names, signal } from './options/check.js';
import { checkPath } from './options/open.js';
import { KEY_RANGE, type KeyRange, keyRange, spanOf } from './options/range.js';
import { rate } from './options/scrub.js';
import type { Progress } from './repository/index.js';

export type { Progress };

/** What `compact` merges. */
export interface CompactOptions<K> {
  /** Only what lies in this range. Default: everything. */
  range?: KeyRange<K>;
}

/** How `verify` reads, and whether it mends. */
export interface VerifyOptions {
  /** Called now and then with what was checked so far. */
  onProgress?: (progress: Progress) => void;
  /**
   * Damaged files of tables are fetched from the store, checked, and written over what they were; `problems` are those that are
   * left. Needs a `store`. Default false.
   */
  repair?: boolean;
  /** Tables are read no faster than so many bytes a second, at least 65,536. Default: as fast as it goes. */
  bytesPerSecond?: number;
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
  /** With `repair`: the files that were damaged and are not any more. */
  repaired?: string[];
}

/** Where a checkpoint goes. */
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

/** Where a backup goes. */
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
const SIZED_RANGE = names('the range of approximateBytes', KEY_RANGE);
const VERIFY = names('verify', ['onProgress', 'repair', 'bytesPerSecond', 'signal']);
const CHECKPOINT = names('checkpoint', ['to', 'onProgress']);
const BACKUP = names('backup', ['to', 'onProgress']);

export async function compact<K, V>(handle: Handle, space: Keyspace<K, V>, options: CompactOptions<K>): Promise<void> {
  checkNames(options, COMPACT);
  const { lower, upper } = keyRange(options.range === undefined ? {} : options.range, COMPACT_RANGE, space);
  await handle.live().compact(lower, upper);
}

export async function approximateBytes<K, V>(
  handle: Handle,
  space: Keyspace<K, V>,
  range: KeyRange<K>,
): Promise<number> {
  const span = spanOf(keyRange(range, SIZED_RANGE, space));
  const engine = handle.live();
  return span === undefined ? 0 : engine.approximateBytes(span.lower, span.upper === '' ? undefined : span.upper);
}

export async function verify(handle: Handle, options: VerifyOptions): Promise<VerifyReport> {
  checkNames(options, VERIFY);
  const onProgress = options.onProgress === undefined ? undefined : fn(options.onProgress, 'onProgress');
  const giveUp = options.signal === undefined ? undefined : signal(options.signal);
  throwIfAborted(giveUp, 'verify');
  const repair = boolean(options.repair, 'repair', false);
  if (repair && handle.branch === undefined) {
    const message =
      'repair needs what a table was: open the database with its store (see salvage for what is readable)';
    throw new CoppiceError('UNSUPPORTED', message, { details: { option: 'repair' } });
  }
  const bytesPerSecond = options.bytesPerSecond === undefined ? undefined : rate(options.bytesPerSecond);
  const working = check(handle, { onProgress, repair, bytesPerSecond });
  return giveUp === undefined ? working : orAborted(working, giveUp, () => aborted(giveUp, 'verify'));
}

interface Checking {
  readonly onProgress?: VerifyOptions['onProgress'] | undefined;
  readonly repair: boolean;
  readonly bytesPerSecond: number | undefined;
  readonly holds?: boolean;
}

/** `verify`, of options that were checked. */
export async function check(handle: Handle, options: Checking): Promise<VerifyReport> {
  const { onProgress, repair, bytesPerSecond, holds = true } = options;
  const progress = (done: number, total: number) => onProgress?.({ phase: 'verify', done, total, unit: 'bytes' });
  const call = { ...(onProgress && { onProgress: progress }), bytesPerSecond, holds };
  const look = () => handle.live().verify(call);
  const found = await look();
  const damaged = [...new Set(found.problems.map(({ file }) => file))];
  const repaired = (repair && damaged.length > 0 && (await handle.branch?.repair(damaged))) || [];
  const { checkedBytes, problems } = repaired.length === 0 ? found : await look();
  return { ok: problems.length === 0, checkedBytes, problems, ...(repair && { repaired }) };
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
