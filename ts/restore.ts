/**
 * Copying a branch of a store, as it is or as it was, into a folder of its own.
 *
 * @module
 */

import { resolve } from 'node:path';
import { checkNames, signal as checkSignal, fn, names } from './options/check.js';
import { type EncryptionOptions, keysOf } from './options/encryption.js';
import { checkPath, resolveOpen } from './options/open.js';
import { branchName, momentOf, nearIn, restoreBranch, storeOf } from './repository/index.js';
import type { ObjectStore } from './repository/store/index.js';
import type { Progress } from './upkeep.js';

/** What is restored, and to where. */
export interface RestoreOptions {
  /** The folder of the copy: absent or empty. */
  to: string;
  /** Default `main`. */
  branch?: string;
  /** The last commit that the copy is to hold. Default: the newest in the store. */
  revision?: number | bigint;
  /** Or everything that was committed until then, by the clock of its writer. */
  time?: Date;
  /** Of an encrypted repository, as for `open`: the copy is encrypted with the current key. */
  encryption?: EncryptionOptions;
  /** Called now and then, as `onProgress` of `open`. */
  onProgress?: (progress: Progress) => void;
  /** Gives up. Whatever fails, the folder holds nothing then; a process that was killed leaves what the next copy into it replaces. */
  signal?: AbortSignal;
}

const RESTORE = names('restore', ['to', 'branch', 'revision', 'time', 'encryption', 'onProgress', 'signal']);

/**
 * Makes a database in an empty folder of what a branch in a store holds, or held at a moment that its checkpoints still
 * reach back to. The branch is not touched, and whoever writes it goes on. The copy belongs to no store.
 *
 * @throws `COPPICE_NOT_FOUND` if there is no such branch; `COPPICE_EXISTS` if the folder is not empty; `COPPICE_STORE` if the
 * branch has not got to that revision, or what would be needed is not kept any more.
 * @example
 * ```ts
 * import { open, restore } from 'coppice';
 *
 * const db = await open('./data-to-copy', { store: './store-to-copy', durability: 'remote' });
 * const { revision } = await db.put('price', '10');
 * await db.put('price', '12');
 * await restore('./store-to-copy', { to: './data-as-it-was', revision });
 * const copy = await open('./data-as-it-was');
 * console.log(await copy.get('price')); // 10
 * await copy.close();
 * await db.close();
 * ```
 */
export function restore(store: ObjectStore | string, options: RestoreOptions): Promise<{ location: string }> {
  return restoreBeside(undefined, store, options);
}

/**
 * As `restore`; tables that another folder has, which nobody has open, are linked and not fetched.
 *
 * @internal
 */
export async function restoreBeside(
  beside: string | undefined,
  store: ObjectStore | string,
  options: RestoreOptions,
): Promise<{ location: string }> {
  checkNames(options, RESTORE);
  const location = resolve(checkPath(options.to, 'to'));
  const { signal, onProgress } = options;
  const until = momentOf(options);
  const keys = await keysOf(options.encryption);
  const engine = { ...resolveOpen({}).engine, keys };
  await restoreBranch(location, engine, {
    store: storeOf(store),
    branch: branchName(options.branch ?? 'main'),
    until,
    signal: signal === undefined ? undefined : checkSignal(signal),
    onProgress: onProgress === undefined ? undefined : fn(onProgress, 'onProgress'),
    near: beside === undefined ? undefined : nearIn(beside, engine),
  });
  return { location };
}
