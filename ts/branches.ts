/**
 * Branches of a store: made, listed and dropped, whether or not anybody has them open.
 *
 * @module
 */

import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { keyCodec, valueCodec } from './encoding/index.js';
import { CoppiceError, invalid } from './errors.js';
import { Handle } from './handle.js';
import { Keyspace } from './keyspace.js';
import type { Merged, MergeOptions, Unmerged } from './merge.js';
import { openEngine } from './native/index.js';
import type { Changes, EngineEvent } from './native/types.js';
import { checkNames, names, revision, signal as signalOf } from './options/check.js';
import { type EncryptionOptions, type Keys, keysOf } from './options/encryption.js';
import { checkPath, resolveOpen } from './options/open.js';
import { Pin } from './pin.js';
import { Reader } from './reader.js';
import {
  type BranchInfo,
  branchesIn,
  branchIn,
  branchName,
  encryptedStore,
  forkBranch,
  forkPoint,
  type Near,
  OWN,
  removeBranch,
  restoreBranch,
  storeOf,
} from './repository/index.js';
import type { Until } from './repository/protocol/index.js';
import type { ObjectStore } from './repository/store/index.js';

/** A moment of a branch: after a revision, or everything that was committed until a time, by the clock of its writer. */
export type Moment = number | bigint | Date | { readonly revision: number };

export interface CreateBranchOptions {
  /** The branch that it grows from. Default `main`. */
  from?: string;
  /** What it begins with. Default: all that is in the store. */
  at?: Moment;
  /** Of an encrypted repository, as for `open`. */
  encryption?: EncryptionOptions;
  /** Gives up. What has been begun is mended by whoever comes next. */
  signal?: AbortSignal;
}

export interface DropBranchOptions {
  /** Says what would be dropped, and drops nothing. Default false. */
  dryRun?: boolean;
  /** Of an encrypted repository, as for `open`. */
  encryption?: EncryptionOptions;
  /** Gives up. What is left goes with the next collection of the branch, or when it is dropped again. */
  signal?: AbortSignal;
}

const BYTES = new Keyspace(keyCodec('buffer'), valueCodec('buffer'), '');
const CREATE = names('createBranch', ['from', 'at', 'encryption', 'signal']);
const DROP = names('dropBranch', ['dryRun', 'encryption', 'signal']);
const LIST = names('listBranches', ['encryption']);

/**
 * Makes a branch that begins with what another one holds, or held at a moment that its checkpoints still reach back to. Nothing
 * is copied, however large it is: three small requests, and a list of the newest log if somebody writes the other branch. Nobody
 * need have it open, and whoever has goes on. Open it as any other, with `open(path, { store, branch: name })`.
 *
 * The idea is git's: a branch is a name for a state whose parts are immutable and shared.
 *
 * @throws `COPPICE_EXISTS` if there is such a branch, or others have grown from one that had the name; `COPPICE_NOT_FOUND`
 * without the other; `COPPICE_COMPACTED` if the moment is not kept any more; `COPPICE_FUTURE_REVISION` if the store has not got to it.
 * @example
 * ```ts
 * import { createBranch, open } from 'coppice';
 *
 * const store = './store-of-branches';
 * const db = await open('./data-of-main', { store, durability: 'remote' });
 * const { revision } = await db.put('price', '10');
 * await db.put('price', '12');
 * await createBranch(store, 'what-if', { at: revision });
 * const branch = await open('./data-of-what-if', { store, branch: 'what-if' });
 * console.log(await branch.get('price')); // 10
 * await branch.close();
 * await db.close();
 * ```
 */
export async function createBranch(
  store: ObjectStore | string,
  name: string,
  options: CreateBranchOptions = {},
): Promise<void> {
  checkNames(options, CREATE);
  const { from = 'main', at, signal } = options;
  const forking = { parent: branchName(from), name: branchName(name), at: untilOf(at) };
  await forkBranch(await placeOf(store, options), forking, doing(signal));
}

function doing(signal: AbortSignal | undefined): { signal: AbortSignal | undefined } {
  return { signal: signal === undefined ? undefined : signalOf(signal) };
}

/**
 * The branches in a store, by name, with what each has grown from, and how much of it is shared.
 *
 * @example
 * ```ts
 * import { listBranches, open } from 'coppice';
 *
 * const db = await open('./data-of-main', { store: './store-of-branches' });
 * await db.checkpoint();
 * for (const { name, parent, ownBytes, sharedBytes } of await listBranches('./store-of-branches')) {
 *   console.log(name, parent, ownBytes, sharedBytes);
 * }
 * await db.close();
 * ```
 */
export async function listBranches(
  store: ObjectStore | string,
  options: { /** Of an encrypted repository, as for `open`. */ encryption?: EncryptionOptions } = {},
): Promise<BranchInfo[]> {
  checkNames(options, LIST);
  return branchesIn(await placeOf(store, options));
}

async function placeOf(
  store: ObjectStore | string,
  { encryption }: { encryption?: EncryptionOptions },
): Promise<ObjectStore> {
  return encryptedStore(storeOf(store), await keysOf(encryption));
}

/**
 * Drops a branch. Whoever has it open is told so (`COPPICE_FENCED`). What other branches have grown from stays until the last
 * of them has gone, and so long the name cannot be used again; the rest is deleted. Folders are not touched.
 *
 * @throws `COPPICE_NOT_FOUND` if there is none.
 */
export async function dropBranch(
  store: ObjectStore | string,
  name: string,
  options: DropBranchOptions = {},
): Promise<BranchInfo> {
  checkNames(options, DROP);
  const { dryRun = false, signal } = options;
  const place = await placeOf(store, options);
  const found = await branchIn(place, branchName(name));
  if (!dryRun) await removeBranch(place, name, doing(signal));
  return found;
}

export interface BranchOffOptions {
  /** What it begins with. Default: everything that was committed before the call. */
  at?: Moment;
  /** The folder of the new branch. Default: beside that of this one, named as it is with `@` and the name of the branch. */
  path?: string;
  signal?: AbortSignal;
}

const BRANCH_OFF = names('branch', ['at', 'path', 'signal']);

/** Where the branch of an open database lives, and how another one of it is opened. */
export interface Repository {
  /** Encrypts, if there are keys. */
  readonly store: ObjectStore;
  readonly keys: Keys | undefined;
  /** Of the branch. */
  readonly name: string;
  open(path: string, branch: string, near: Near): Promise<unknown>;
}

/** See `Database.branch`. */
export async function branchOff(
  handle: Handle,
  { store, name: parent, open }: Repository,
  name: string,
  options: BranchOffOptions,
): Promise<unknown> {
  checkNames(options, BRANCH_OFF);
  const asked = untilOf(options.at);
  const path = options.path === undefined ? `${handle.path}@${name}` : resolve(checkPath(options.path));
  const at = asked ?? { revision: handle.live().revision };
  branchName(name);
  // Of what the store does not have yet no branch can be made.
  const newest = Math.max(handle.engine.revision, handle.writes.newest);
  const wanted = 'revision' in at ? Math.min(at.revision, newest) : newest;
  if (handle.branch?.follows === false) await handle.settle(wanted, 'remote');
  const known = handle.branch?.tip;
  await forkBranch(store, { parent, name, at, known }, doing(options.signal));
  return open(path, name, nearOf(handle));
}

/** The tables that an open database has, for another one on the same machine. */
function nearOf(handle: Handle): Near {
  return async () => handle.engine.replication?.tables();
}

/** Another branch, or this one, as the store has it, in a folder that goes when it is closed. */
export interface Copy {
  readonly reader: Reader<unknown, unknown>;
  close(): Promise<void>;
}

/** Makes such a copy, of tables that are here as far as they are. `at`: up to a revision; null: all of it. */
export async function copyOf(
  handle: Handle,
  { store, keys }: Repository,
  name: string,
  at: Until | null,
): Promise<Copy> {
  const copies = join(handle.path, OWN, 'copies');
  const folder = join(copies, `${process.pid}-${randomUUID()}`);
  const remove = () => rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  // No other process has this folder open: what is there of one was left when that was killed.
  for (const left of await readdir(copies)) {
    if (!left.startsWith(`${process.pid}-`)) await rm(join(copies, left), { recursive: true, force: true });
  }
  try {
    const engine = { ...resolveOpen({}).engine, keys };
    const source = { store, branch: branchName(name), until: at ?? undefined, near: nearOf(handle) };
    await restoreBranch(folder, engine, { ...source, signal: handle.ending, onProgress: undefined });
    const open = async (on: (event: EngineEvent) => void) => ({
      engine: await openEngine(folder, { ...engine, readOnly: true, createIfMissing: false }, on),
    });
    const copy = await Handle.open(folder, open, 'process');
    const reader = new Reader(copy, BYTES, new Pin(copy, 0));
    return { reader, close: () => copy.close().then(remove) };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** A diff with something that has to be made first. */
export function lateChanges(make: () => Promise<Copy>, diff: (copy: Reader<unknown, unknown>) => Changes): Changes {
  let isClosed = false;
  let opening: Promise<{ copy: Copy; changes: Changes }> | undefined;
  const opened = async () => {
    const copy = await make();
    try {
      return { copy, changes: diff(copy.reader) };
    } catch (error) {
      await copy.close();
      throw error;
    }
  };
  return {
    async next() {
      opening ??= opened();
      return (await opening).changes.next();
    },
    close() {
      if (isClosed) return;
      isClosed = true;
      const close = ({ copy, changes }: { copy: Copy; changes: Changes }) => {
        changes.close();
        return copy.close();
      };
      // Nobody waits for it.
      opening?.then(close).catch(() => {});
    },
  };
}

/** Merges another branch of the store; see `Database.merge`. */
export async function mergeBranch<K, V>(
  handle: Handle,
  repository: Repository,
  name: string,
  given: MergeOptions<K, V>['base'] | undefined,
  merge: (theirs: Reader<unknown, unknown>, base: MergeOptions<K, V>['base']) => Promise<Merged | Unmerged<K, V>>,
): Promise<Merged | Unmerged<K, V>> {
  const copies: Copy[] = [];
  const copy = async (branch: string, at: Until | null) => {
    const made = await copyOf(handle, repository, branch, at);
    copies.push(made);
    return made.reader;
  };
  try {
    const theirs = await copy(name, null);
    return await merge(theirs, given ?? (await baseOf(handle, repository, name, copy)));
  } finally {
    await Promise.all(copies.map((copy) => copy.close()));
  }
}

/** The state that this branch and another one both began with. */
async function baseOf(
  handle: Handle,
  { store, name: own }: Repository,
  name: string,
  copy: (branch: string, at: Until) => Promise<Reader<unknown, unknown>>,
): Promise<Reader<unknown, unknown> | number> {
  const revision = await forkPoint(store, own, branchName(name));
  if (revision === undefined) {
    const message = `nobody knows which revision "${name}" and "${own}" have in common: give base`;
    throw new CoppiceError('INVALID', message, { details: { option: 'base' } });
  }
  if (handle.history) return revision;
  // A branch that has made all of it its own has let go of what it began with; its parent may still keep that.
  return copy(name, { revision }).catch(() => copy(own, { revision }));
}

/** The moment that is named; null: now. */
export function untilOf(at: unknown): Until | null {
  if (at === undefined) return null;
  if (at instanceof Date && Number.isFinite(at.getTime())) return { timeMs: at.getTime() };
  if (typeof at === 'object' && at !== null && 'revision' in at) return { revision: revision(at.revision, 'at') };
  if (typeof at === 'number' || typeof at === 'bigint') return { revision: revision(at, 'at') };
  throw invalid('at', 'a revision, a Date or a checkpoint', at);
}
