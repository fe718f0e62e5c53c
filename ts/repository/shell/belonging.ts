/**
 * Which folder belongs to which branch of which repository. Whoever has the folder open has its lock.
 *
 * @module
 */

import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CoppiceError } from '../../errors.js';
import { headName } from '../protocol/index.js';
import type { ObjectStore } from '../store/index.js';
import type { EngineFolder } from './engine.js';
import { belongsToNone, branchExists, halfCopied, noBranch, occupied } from './errors.js';
import { readHead } from './heads.js';
import { Mark } from './mark.js';
import type { ShellOptions } from './options.js';
import { throughOutage } from './outage.js';
import { OWN } from './own.js';
import { Place } from './place.js';
import { tellTrying } from './progress.js';
import { findRoot, openRoot, type Root } from './root.js';

export interface Belonging {
  readonly place: Place;
  /** The database in the folder has to be put into the store first. */
  readonly mark?: Mark;
  /** Gives the folder back. */
  readonly unlock: () => void;
}

/** Takes the folder. One that belongs to nothing yet belongs to the branch from now on, or when what it holds is there. */
export async function belong(options: ShellOptions, signal: AbortSignal): Promise<Belonging> {
  const { folder, engine } = options;
  await mkdir(join(folder, OWN), { recursive: true });
  const unlock = engine.lock();
  try {
    const found = options.until === null ? await placeOf(options, signal) : await placeOfCopy(options, signal);
    return { ...found, unlock };
  } catch (error) {
    unlock();
    if (options.until !== null && (await isVacant(folder, engine))) await removeTraces(folder);
    throw error;
  }
}

/** Whether a copy may be made in a folder: it holds nothing, or what is left of a copy. */
export async function isVacant(folder: string, engine: Pick<EngineFolder, 'isEmpty'>): Promise<boolean> {
  const known = await Place.of(folder);
  return known === undefined ? engine.isEmpty() : known.remembered.copies === true;
}

/** A copy is nobody's disk: what is written to it is its own. */
export async function removeTraces(folder: string): Promise<void> {
  await rm(join(folder, OWN), { recursive: true, force: true });
}

/** What a copy before has left is replaced. */
async function placeOfCopy(options: ShellOptions, signal: AbortSignal): Promise<Omit<Belonging, 'unlock'>> {
  const { folder, branch, engine } = options;
  if (!(await isVacant(folder, engine))) throw occupied(folder);
  const { databaseId } = await rootOf(options, signal);
  return { place: await Place.make(folder, databaseId, branch, true) };
}

async function placeOf(options: ShellOptions, signal: AbortSignal): Promise<Omit<Belonging, 'unlock'>> {
  const { folder, branch, engine, mode, wants } = options;
  const known = await Place.of(folder);
  if (known !== undefined) checkBranch(options, known);
  if (known?.remembered.copies) throw halfCopied(folder);
  const isEmpty = known !== undefined || (await engine.isEmpty());
  const mark = known && (await Mark.beside(folder, known));
  if (mode === 'replica' && (mark !== undefined || !isEmpty)) throw belongsToNone(folder);
  const isWhole = known !== undefined && known.remembered.local !== null;
  if (wants === 'new' && isWhole && mark === undefined) throw branchExists(branch, folder);
  // One that holds nothing that is whole may come to hold what is in another store.
  if (isWhole && mark === undefined) return { place: known };
  const { databaseId } = await rootOf(options, signal);
  if (mark !== undefined) {
    checkStore(options, mark, databaseId);
    return { place: known as Place, mark };
  }
  const place = await Place.make(folder, databaseId, branch);
  if (!isEmpty) return { place, mark: await Mark.of(folder, databaseId, branch) };
  await Mark.forget(folder);
  return { place };
}

function rootOf({ store, branch, mode, wants, onProgress }: ShellOptions, signal: AbortSignal): Promise<Root> {
  const makesNone = mode === 'replica' || wants === 'known';
  const ask = () => (makesNone ? findBranch(store, branch, signal) : openRoot(store, signal));
  return throughOutage(ask, signal, (error) => tellTrying(onProgress, error));
}

function checkBranch({ folder, branch }: ShellOptions, { remembered }: Place): void {
  if (remembered.branch === branch) return;
  const message = `the folder holds the branch "${remembered.branch}", not "${branch}": give each a folder`;
  throw new CoppiceError('INVALID', message, { details: { option: 'branch', file: folder } });
}

/** What may be in one store already is not put into another one. */
function checkStore({ folder, store }: ShellOptions, { marked }: Mark, databaseId: string): void {
  if (marked.databaseId === databaseId) return;
  const message = `the database in ${folder} is on its way into another store than ${store.location}: open it with that one`;
  throw new CoppiceError('INVALID', message, { details: { option: 'store', file: folder } });
}

/** For who makes none. A folder does not begin to belong to a branch that is not there. */
async function findBranch(store: ObjectStore, branch: string, signal: AbortSignal): Promise<Root> {
  const root = await findRoot(store, signal);
  if ((await readHead(store, headName(branch), signal))?.state !== 'live') throw noBranch(branch, store);
  return root;
}
