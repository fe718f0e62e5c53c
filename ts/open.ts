/**
 * Opening a database.
 *
 * @module
 */

import { resolve } from 'node:path';
import { orAborted, throwIfAborted } from './abort.js';
import { Database } from './database.js';
import type { Decoded, KeyEncoding, ValueEncoding } from './encoding/index.js';
import { aborted, CoppiceError } from './errors.js';
import { Handle } from './handle.js';
import { Keyspace } from './keyspace.js';
import { openEngine } from './native/index.js';
import { fn } from './options/check.js';
import { keysOf } from './options/encryption.js';
import { checkPath, type FolderOptions, resolveOpen } from './options/open.js';
import {
  type BranchOptions,
  beginWith,
  branching,
  encryptedStore,
  isPlace,
  type Near,
  openBranch,
  sourceOf,
} from './repository/index.js';
import { scrub } from './scrub.js';

/**
 * How a database is opened. Everything has a default; an unknown name or a wrong value is refused with an error that
 * names it. Encodings belong to the handle, not to the database; every other option may differ at each open.
 */
export interface OpenOptions<K extends KeyEncoding = 'utf8', V extends ValueEncoding = 'utf8'>
  extends FolderOptions<K, V>,
    BranchOptions {}

/**
 * Opens the database in a folder, or creates one.
 *
 * The types of keys and values follow from the encodings. For `json`, whose values can be anything, name them:
 * `open<string, User>(path, { valueEncoding: 'json' })`.
 *
 * @param path The folder. Relative to the working directory.
 * @throws `COPPICE_INVALID` or `COPPICE_UNSUPPORTED` for an option, which is named; `COPPICE_LOCKED` if another process
 * has the database open; `COPPICE_NOT_FOUND`, `COPPICE_EXISTS` as the options say, the latter also for a folder
 * with a database that is no part of the branch; `COPPICE_FORMAT` for a folder that holds
 * something else, or was written by a newer version; `COPPICE_CORRUPT` with file and offset for damaged files;
 * `COPPICE_READONLY` for a folder that cannot be written to; `COPPICE_IO` for the rest.
 * @example
 * ```ts
 * import { open } from 'coppice';
 *
 * const db = await open('./data');
 * await db.put('greeting', 'hello');
 * console.log(await db.get('greeting')); // hello
 * await db.close();
 * ```
 */
export function open<const K extends KeyEncoding = 'utf8', const V extends ValueEncoding = 'utf8'>(
  path: string,
  options?: OpenOptions<K, V>,
): Promise<Database<Decoded<K>, Decoded<V>>>;
export function open<K, V>(path: string, options?: OpenOptions<KeyEncoding, ValueEncoding>): Promise<Database<K, V>>;
export async function open(
  path: string,
  options: OpenOptions<KeyEncoding, ValueEncoding> = {},
): Promise<Database<unknown, unknown>> {
  return openNear(path, options, undefined);
}

/** `near`: where tables may be that would be fetched from the store else. */
async function openNear(
  path: string,
  options: OpenOptions<KeyEncoding, ValueEncoding>,
  near: Near | undefined,
): Promise<Database<unknown, unknown>> {
  const folder = resolve(checkPath(path));
  const { engine, keys, values, durability, scrub: scrubbing, signal } = resolveOpen(options);
  throwIfAborted(signal, 'open');
  if (options.encryption !== undefined) engine.keys = await keysOf(options.encryption);
  const store = branching(options, { isRemote: durability === 'remote', readOnly: engine.readOnly });
  const { restore, onProgress } = options;
  if (restore !== undefined) {
    const source = sourceOf(restore, { ...options, readOnly: engine.readOnly });
    const copying = { ...source, signal, onProgress: onProgress && fn(onProgress, 'onProgress') };
    // The copy is no database that was there before.
    if (await beginWith(folder, { ...resolveOpen({}).engine, keys: engine.keys }, copying, store?.shell))
      engine.errorIfExists &&= store !== undefined;
  }
  if (store === undefined) await checkOwn(folder, engine.readOnly);
  const opening = Handle.open(
    folder,
    async (on) =>
      store === undefined
        ? { engine: await openEngine(folder, engine, on) }
        : await openBranch(folder, engine, store, signal, on, near),
    durability,
  );
  // A branch listens to the signal itself, and has given the folder back when it says so.
  const handle = await (signal === undefined || store !== undefined ? opening : orClosed(opening, signal));
  if (scrubbing !== undefined) scrub(handle, scrubbing);
  const keyspace = new Keyspace(keys, values, '');
  if (store === undefined) return new Database(handle, keyspace, undefined);
  const { shell } = store;
  // Another branch is opened as this one was; what this one began with, and who gave up opening it, is past.
  const { restore: _, signal: __, ...others } = options;
  const open = (path: string, branch: string, near: Near) =>
    openNear(path, { ...others, store: shell.store, branch }, near);
  const repository = { store: encryptedStore(shell.store, engine.keys), keys: engine.keys, name: shell.branch, open };
  return new Database(handle, keyspace, repository);
}

/** What was not shipped yet would be lost if a folder of a store was written without it. */
async function checkOwn(folder: string, readOnly: boolean): Promise<void> {
  if (readOnly || !(await isPlace(folder))) return;
  const message = `${folder} is the disk of a branch in a store: open it with the option store, or with readOnly`;
  throw new CoppiceError('INVALID', message, { details: { option: 'store' } });
}

/** Gives up when the signal says so; what opens nevertheless is closed again. */
function orClosed(opening: Promise<Handle>, signal: AbortSignal): Promise<Handle> {
  const closeLate = () => {
    // A failure to open was told already, by the abort; so there is nobody to tell of this one.
    opening.then((handle) => handle.close()).catch(() => {});
  };
  return orAborted(opening, signal, () => {
    closeLate();
    return aborted(signal, 'open');
  });
}
