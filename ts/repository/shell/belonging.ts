/**
 * Which folder belongs to which branch of which repository. Whoever has the folder open has its lock.
 *
 * @module
 */

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { CoppiceError } from '../../errors.js';
import { headName } from '../protocol/index.js';
import type { ObjectStore } from '../store/index.js';
import { branchExists, noBranch } from './errors.js';
import type { ShellOptions } from './options.js';
import { OWN, Place } from './place.js';
import { findRoot, openRoot, type Root } from './root.js';

export interface Belonging {
  readonly place: Place;
  /** Gives the folder back. */
  readonly unlock: () => void;
}

/** Takes the folder. One that belongs to nothing yet belongs to the branch from now on, if it holds nothing either. */
export async function belong(options: ShellOptions, signal: AbortSignal): Promise<Belonging> {
  const { folder, branch, engine, store, mode, wants } = options;
  await mkdir(join(folder, OWN), { recursive: true });
  const unlock = engine.lock();
  try {
    const known = await Place.of(folder);
    if (known === undefined) await checkEmpty(options);
    else checkBranch(options, known);
    if (wants === 'new' && known !== undefined && known.remembered.local !== null) throw branchExists(branch, folder);
    // One that holds nothing that is whole may come to hold what is in another store.
    if (known !== undefined && known.remembered.local !== null) return { place: known, unlock };
    const root = mode === 'replica' || wants === 'known' ? findBranch(store, branch, signal) : openRoot(store, signal);
    const { databaseId } = await root;
    return { place: await Place.make(folder, databaseId, branch), unlock };
  } catch (error) {
    unlock();
    throw error;
  }
}

function checkBranch({ folder, branch }: ShellOptions, { remembered }: Place): void {
  if (remembered.branch === branch) return;
  const message = `the folder holds the branch "${remembered.branch}", not "${branch}": give each a folder`;
  throw new CoppiceError('INVALID', message, { details: { option: 'branch', file: folder } });
}

async function checkEmpty({ folder, engine }: ShellOptions): Promise<void> {
  if (await engine.isEmpty()) return;
  const message = 'the folder holds a database that belongs to no store: open an empty folder with the store, and copy';
  throw new CoppiceError('EXISTS', message, { details: { option: 'store', file: folder } });
}

/** For who makes none. A folder does not begin to belong to a branch that is not there. */
async function findBranch(store: ObjectStore, branch: string, signal: AbortSignal): Promise<Root> {
  const root = await findRoot(store, signal);
  if ((await store.get(headName(branch), { signal })) === undefined) throw noBranch(branch, store);
  return root;
}
