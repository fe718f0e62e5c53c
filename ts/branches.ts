/**
 * Branches and tags of a store: made, listed and dropped, whether or not anybody has them open.
 *
 * @module
 */

import { resolve } from 'node:path';
import { nearOf, type Repository } from './copies.js';
import { CoppiceError, invalid } from './errors.js';
import type { Handle } from './handle.js';
import { boolean, checkNames, names, revision, signal as signalOf } from './options/check.js';
import { type Duration, deadlineMs } from './options/duration.js';
import { type EncryptionOptions, keysOf } from './options/encryption.js';
import { checkPath } from './options/open.js';
import {
  type BranchInfo,
  branchesIn,
  branchIn,
  branchName,
  type CollectedBranch,
  collectStore,
  encryptedStore,
  expireBranch as expireIn,
  forkBranch,
  parentIn,
  removeBranch,
  replaceBranch,
  storeOf,
} from './repository/index.js';
import type { Until } from './repository/protocol/index.js';
import type { ObjectStore } from './repository/store/index.js';

/** A moment of a branch: after a revision, or everything that was committed until a time, by the clock of its writer. */
export type Moment = number | bigint | Date | { readonly revision: number };

/** Where branches are looked for that nobody need have open. */
export interface RepositoryOptions {
  /** Of an encrypted repository, as for `open`. */
  encryption?: EncryptionOptions;
}

/** When a branch, or a tag, is dropped by itself. */
export interface BranchExpiry {
  /** After so long: milliseconds, or a duration like `'90s'`, `'5m'`, `'1.5h'`, `'7d'`. */
  ttl?: Duration;
  /** At this time. Not together with `ttl`. */
  expiresAt?: Date;
}

export interface CreateBranchOptions extends RepositoryOptions, BranchExpiry {
  /** The branch, or the tag, that it grows from. Default `main`. */
  from?: string;
  /** What it begins with. Default: all that is in the store. */
  at?: Moment;
  /** Gives up. What has been begun is mended by whoever comes next. */
  signal?: AbortSignal;
}

export interface ExpireBranchOptions extends RepositoryOptions, BranchExpiry {
  /** Gives up; it may have been done or not. */
  signal?: AbortSignal;
}

export interface PromoteBranchOptions extends RepositoryOptions {
  /** A tag of this name keeps all that the store has of what is replaced. */
  keep?: string;
  /** Says what would be replaced, and replaces nothing. Default false. */
  dryRun?: boolean;
  /** Gives up; it may have been done or not. */
  signal?: AbortSignal;
}

export interface ResetBranchOptions extends PromoteBranchOptions {
  /** The branch, or the tag, that it is to hold. Default: the one that it has grown from; with `at`, of one that has grown from none, itself. */
  from?: string;
  /** As that was at this moment. Default: all that is in the store. */
  at?: Moment;
}

export interface DropBranchOptions extends RepositoryOptions {
  /** Says what would be dropped, and drops nothing. Default false. */
  dryRun?: boolean;
  /** Gives up. What is left goes with the next collection of the branch, or when it is dropped again. */
  signal?: AbortSignal;
}

/** A tag, for people. */
export interface TagInfo {
  name: string;
  id: string;
  /** The branch that it was made of. */
  of: string;
  /** As that was at this revision or time; `null`: as it was just then. */
  at: { revision: number } | { time: Date } | null;
  expiresAt: Date | null;
}

const CREATE = ['from', 'at', 'ttl', 'expiresAt', 'encryption', 'signal'] as const;
const CREATE_BRANCH = names('createBranch', CREATE);
const CREATE_TAG = names('createTag', CREATE);
const EXPIRE = names('expireBranch', ['ttl', 'expiresAt', 'encryption', 'signal']);
const RESET = names('resetBranch', ['from', 'at', 'keep', 'dryRun', 'encryption', 'signal']);
const PROMOTE = names('promoteBranch', ['keep', 'dryRun', 'encryption', 'signal']);
const DROP = names('dropBranch', ['dryRun', 'encryption', 'signal']);
const COLLECT = names('collect', ['branch', 'dryRun', 'encryption', 'signal']);
const LIST = names('listBranches', ['encryption']);

/**
 * Makes a branch that begins with what another one holds, or held at a moment that its checkpoints still reach back to. Nothing
 * is copied, however large it is: three small requests, and a list of the newest log if somebody writes the other branch. Nobody
 * need have it open, and whoever has goes on. Open it as any other, with `open(path, { store, branch: name })`.
 *
 * With `ttl` or `expiresAt` it is dropped by whoever owns it, or what it has grown from, at the first checkpoint after that time,
 * by the clock of that machine; `expireBranch` gives it more time.
 *
 * The idea is git's: a branch is a name for a state whose parts are immutable and shared.
 *
 * @throws `COPPICE_EXISTS` if there is such a branch or tag, or others have grown from one that had the name; `COPPICE_NOT_FOUND`
 * without the other; `COPPICE_COMPACTED` if the moment is not kept any more; `COPPICE_FUTURE_REVISION` if the store has not got to it.
 * @example
 * ```ts
 * import { createBranch, open } from 'coppice';
 *
 * const store = './store-of-branches';
 * const db = await open('./data-of-main', { store, durability: 'remote' });
 * const { revision } = await db.put('price', '10');
 * await db.put('price', '12');
 * await createBranch(store, 'what-if', { at: revision, ttl: '7d' });
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
  checkNames(options, CREATE_BRANCH);
  await make(store, name, 'branch', options);
}

/**
 * Makes a tag: a branch that nobody ever writes, and so a name for a moment that is kept for as long as the tag is, whatever is
 * trimmed, collected or dropped elsewhere. It costs what a branch does. It may be opened with `readOnly`, restored, compared, and
 * branches may be made of it.
 *
 * @throws As `createBranch`. Whoever opens a tag to write it gets `COPPICE_READONLY`.
 * @example
 * ```ts
 * import { createTag, listTags, open } from 'coppice';
 *
 * const store = './store-of-branches';
 * const db = await open('./data-of-main', { store, durability: 'remote' });
 * await db.put('price', '10');
 * await createTag(store, 'before-the-sale');
 * await db.put('price', '7');
 * const before = await open('./data-of-tag', { store, branch: 'before-the-sale', readOnly: true });
 * console.log(await before.get('price'), await listTags(store)); // 10
 * await before.close();
 * await db.close();
 * ```
 */
export async function createTag(
  store: ObjectStore | string,
  name: string,
  options: CreateBranchOptions = {},
): Promise<void> {
  checkNames(options, CREATE_TAG);
  await make(store, name, 'tag', options);
}

async function make(
  store: ObjectStore | string,
  name: string,
  kind: BranchInfo['kind'],
  options: CreateBranchOptions,
): Promise<void> {
  const { from = 'main', at, signal } = options;
  const forking = { parent: branchName(from), name: branchName(name), at: untilOf(at), kind };
  await forkBranch(await placeOf(store, options), { ...forking, expiresMs: expiresMs(options) }, doing(signal));
}

function expiresMs({ ttl, expiresAt }: BranchExpiry): number | null {
  return deadlineMs(ttl, expiresAt, { nowMs: Date.now() }) ?? null;
}

function doing(signal: AbortSignal | undefined): { signal: AbortSignal | undefined } {
  return { signal: signal === undefined ? undefined : signalOf(signal) };
}

/**
 * Says when a branch or a tag is to be dropped by itself; with neither `ttl` nor `expiresAt`, that it is not.
 *
 * @throws `COPPICE_NOT_FOUND` if there is none.
 * @example
 * ```ts
 * import { createBranch, expireBranch, listBranches, open } from 'coppice';
 *
 * const store = './store-of-branches';
 * const db = await open('./data-of-main', { store, durability: 'remote' });
 * await createBranch(store, 'preview', { ttl: '1d' });
 * await expireBranch(store, 'preview', { ttl: '7d' });
 * console.log((await listBranches(store)).map(({ name, expiresAt }) => [name, expiresAt]));
 * await db.close();
 * ```
 */
export async function expireBranch(
  store: ObjectStore | string,
  name: string,
  options: ExpireBranchOptions = {},
): Promise<void> {
  checkNames(options, EXPIRE);
  await expireIn(await placeOf(store, options), branchName(name), expiresMs(options), doing(options.signal));
}

/**
 * Lets a branch hold what another one holds, or held at a moment that is kept, or what it held itself then: `git reset --hard`. The name
 * goes to a new branch by one change of its head; nothing is copied. Whoever has the branch open is told so (`COPPICE_FENCED`), and finds
 * the new state when it opens the same folder again. What the branch held before goes, but for what others have grown from; `keep`
 * names a tag that has all of it.
 *
 * Answers the branch as it was before.
 *
 * @throws `COPPICE_NOT_FOUND` if there is no such branch, or none to take the state of; `COPPICE_EXISTS` if the name to keep it under
 * is taken; `COPPICE_COMPACTED` and `COPPICE_FUTURE_REVISION` as `createBranch`.
 * @example
 * ```ts
 * import { open, resetBranch } from 'coppice';
 *
 * const store = './store-of-branches';
 * let db = await open('./data-of-main', { store, durability: 'remote' });
 * const { revision } = await db.put('price', '10');
 * await db.put('price', 'a mistake');
 * await db.close();
 * await resetBranch(store, 'main', { from: 'main', at: revision, keep: 'before-the-reset' });
 * db = await open('./data-of-main', { store, durability: 'remote' });
 * console.log(await db.get('price')); // 10
 * await db.close();
 * ```
 */
export async function resetBranch(
  store: ObjectStore | string,
  name: string,
  options: ResetBranchOptions = {},
): Promise<BranchInfo> {
  checkNames(options, RESET);
  const place = await placeOf(store, options);
  const found = await foundAs(place, name, 'branch');
  const from = branchName(options.from ?? (await parentIn(place, name))?.name ?? name);
  if (from === name && options.at === undefined)
    throw invalid('the branch to reset', 'one that has grown from another, or given with from or at', name);
  await putInPlace(place, { name, from, at: untilOf(options.at) }, options);
  return found;
}

/**
 * Lets the branch that another one has grown from hold what that one holds: a rehearsal becomes the real thing, a repaired copy of
 * the past the present. It is `resetBranch` seen from the other side: what was written to the parent since the branch was made is
 * gone (`merge` keeps both). The branch stays, and may be dropped.
 *
 * Answers the parent as it was before.
 *
 * @throws `COPPICE_NOT_FOUND` if there is no such branch, or what it has grown from is not there any more; `COPPICE_INVALID` if it has
 * grown from none, or was set back to what it was itself: say `resetBranch(store, 'main', { from: name })` then.
 * @example
 * ```ts
 * import { createBranch, open, promoteBranch } from 'coppice';
 *
 * const store = './store-of-branches';
 * let db = await open('./data-of-main', { store, durability: 'remote' });
 * await db.put('price', '10');
 * await createBranch(store, 'repaired');
 * const repaired = await open('./data-of-repaired', { store, branch: 'repaired', durability: 'remote' });
 * await repaired.put('price', '11');
 * await Promise.all([db.close(), repaired.close()]);
 * await promoteBranch(store, 'repaired');
 * db = await open('./data-of-main', { store });
 * console.log(await db.get('price')); // 11
 * await db.close();
 * ```
 */
export async function promoteBranch(
  store: ObjectStore | string,
  name: string,
  options: PromoteBranchOptions = {},
): Promise<BranchInfo> {
  checkNames(options, PROMOTE);
  const place = await placeOf(store, options);
  const { id } = await foundAs(place, name, 'branch');
  const parent = await parentIn(place, name);
  // One that was set back has grown from what it was itself.
  if (parent === undefined || parent.id === id)
    throw invalid('the branch to promote', 'one that has grown from another', name);
  const found = await foundAs(place, parent.name, 'branch');
  await putInPlace(place, { name: parent.name, from: name, at: null }, options);
  return found;
}

async function putInPlace(
  place: ObjectStore,
  replacing: { name: string; from: string; at: Until | null },
  { keep, dryRun, signal }: PromoteBranchOptions,
): Promise<void> {
  const kept = keep === undefined ? undefined : branchName(keep);
  if (boolean(dryRun, 'dryRun', false)) await foundAs(place, replacing.from);
  else await replaceBranch(place, { ...replacing, keep: kept }, doing(signal));
}

/** What has the name, if it is of that kind. */
async function foundAs(place: ObjectStore, name: string, kind?: BranchInfo['kind']): Promise<BranchInfo> {
  const found = await branchIn(place, branchName(name));
  if (kind === undefined || found.kind === kind) return found;
  const message = `"${name}" in ${place.location} is a ${found.kind}, not a ${kind}`;
  throw new CoppiceError('NOT_FOUND', message, { details: { branch: name } });
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
  options: RepositoryOptions = {},
): Promise<BranchInfo[]> {
  checkNames(options, LIST);
  return branchesIn(await placeOf(store, options), 'branch');
}

/** The tags in a store, by name. */
export async function listTags(store: ObjectStore | string, options: RepositoryOptions = {}): Promise<TagInfo[]> {
  checkNames(options, LIST);
  return (await branchesIn(await placeOf(store, options), 'tag')).map(tagOf);
}

function tagOf({ name, id, parent, began, expiresAt }: BranchInfo): TagInfo {
  return { name, id, of: parent ?? '', at: began, expiresAt };
}

async function placeOf(store: ObjectStore | string, { encryption }: RepositoryOptions): Promise<ObjectStore> {
  return encryptedStore(storeOf(store), await keysOf(encryption));
}

/**
 * Drops a branch. Whoever has it open is told so (`COPPICE_FENCED`). What other branches have grown from stays until the last
 * of them has gone, and so long the name cannot be used again; the rest is deleted. Folders are not touched.
 *
 * @throws `COPPICE_NOT_FOUND` if there is none.
 */
export function dropBranch(
  store: ObjectStore | string,
  name: string,
  options: DropBranchOptions = {},
): Promise<BranchInfo> {
  return drop(store, name, 'branch', options);
}

/**
 * Drops a tag. What it alone has kept is deleted with the next collection of its branch; branches that were made of it stay.
 *
 * @throws `COPPICE_NOT_FOUND` if there is none.
 */
export async function dropTag(
  store: ObjectStore | string,
  name: string,
  options: DropBranchOptions = {},
): Promise<TagInfo> {
  return tagOf(await drop(store, name, 'tag', options));
}

async function drop(
  store: ObjectStore | string,
  name: string,
  kind: BranchInfo['kind'],
  options: DropBranchOptions,
): Promise<BranchInfo> {
  checkNames(options, DROP);
  const dryRun = boolean(options.dryRun, 'dryRun', false);
  const place = await placeOf(store, options);
  const found = await foundAs(place, name, kind);
  if (!dryRun) await removeBranch(place, name, doing(options.signal));
  return found;
}

export interface CollectOptions extends RepositoryOptions {
  /** Only this branch. Default: all that are in the store. */
  branch?: string;
  /** Says what would go, and lets nothing go. Default false. */
  dryRun?: boolean;
  /** Gives up. What is left goes the next time. */
  signal?: AbortSignal;
}

/**
 * Deletes what nobody needs in a store: what a branch that nobody has open does not keep any more (its owner does that after each
 * checkpoint, and a branch that has one is left to it), branches whose time has come, and what programs have left that were killed
 * while they made or dropped branches. It may run beside everything else, at any time, any number of times.
 *
 * @throws `COPPICE_NOT_FOUND` without the branch that is named.
 * @example
 * ```ts
 * import { collect, open } from 'coppice';
 *
 * const db = await open('./data-of-main', { store: './store-of-branches' });
 * await db.checkpoint();
 * await db.close();
 * for (const { name, state, objects, bytes } of await collect('./store-of-branches', { dryRun: true })) {
 *   console.log(name, state, objects, bytes);
 * }
 * ```
 */
export async function collect(store: ObjectStore | string, options: CollectOptions = {}): Promise<CollectedBranch[]> {
  checkNames(options, COLLECT);
  const { branch, dryRun, signal } = options;
  const named = branch === undefined ? undefined : branchName(branch);
  const collecting = { branch: named, dryRun: boolean(dryRun, 'dryRun', false), ...doing(signal) };
  return collectStore(await placeOf(store, options), collecting);
}

export interface TagOptions extends BranchExpiry {
  /** What it begins with. Default: everything that was committed before the call. */
  at?: Moment;
  signal?: AbortSignal;
}

export interface BranchOffOptions extends TagOptions {
  /** The folder of the new branch. Default: beside that of this one, named as it is with `@` and the name of the branch, as in a URL. */
  path?: string;
}

const BRANCH_OFF = names('branch', ['at', 'path', 'ttl', 'expiresAt', 'signal']);

/** See `Database.branch`. */
export async function branchOff(
  handle: Handle,
  repository: Repository,
  name: string,
  options: BranchOffOptions,
): Promise<unknown> {
  checkNames(options, BRANCH_OFF);
  const path =
    options.path === undefined ? `${handle.path}@${encodeURIComponent(name)}` : resolve(checkPath(options.path));
  await forkOff(handle, repository, name, 'branch', options);
  return repository.open(path, name, nearOf(handle));
}

const TAG_OFF = names('tag', ['at', 'ttl', 'expiresAt', 'signal']);

/** See `Database.tag`. */
export async function tagOff(handle: Handle, repository: Repository, name: string, options: TagOptions): Promise<void> {
  checkNames(options, TAG_OFF);
  await forkOff(handle, repository, name, 'tag', options);
}

async function forkOff(
  handle: Handle,
  { store, name: parent }: Repository,
  name: string,
  kind: BranchInfo['kind'],
  options: TagOptions,
): Promise<void> {
  const at = untilOf(options.at) ?? { revision: handle.live().revision };
  const forking = { parent, name: branchName(name), kind, at, expiresMs: expiresMs(options) };
  // Of what the store does not have yet no branch can be made.
  const newest = Math.max(handle.engine.revision, handle.writes.newest);
  const wanted = 'revision' in at ? Math.min(at.revision, newest) : newest;
  if (handle.branch?.follows === false) await handle.settle(wanted, 'remote');
  const known = handle.branch?.tip;
  await forkBranch(store, { ...forking, known }, doing(options.signal));
}

/** The moment that is named; null: now. */
export function untilOf(at: unknown): Until | null {
  if (at === undefined) return null;
  if (at instanceof Date && Number.isFinite(at.getTime())) return { timeMs: at.getTime() };
  if (typeof at === 'object' && at !== null && 'revision' in at) return { revision: revision(at.revision, 'at') };
  if (typeof at === 'number' || typeof at === 'bigint') return { revision: revision(at, 'at') };
  throw invalid('at', 'a revision, a Date or a checkpoint', at);
}
