/**
 * Which folder belongs to which branch of which repository. Whoever has the folder open has its lock.
 *
 * @module
 */

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { CoppiceError } from '../../errors.js';
import type { ShellOptions } from './options.js';
import { OWN, Place } from './place.js';
import { openRoot } from './root.js';

export interface Belonging {
  readonly place: Place;
  /** Gives the folder back. */
  readonly unlock: () => void;
}

/** Takes the folder. One that belongs to nothing yet belongs to the branch from now on, if it holds nothing either. */
export async function belong(options: ShellOptions, signal: AbortSignal): Promise<Belonging> {
  const { folder, engine } = options;
  await mkdir(join(folder, OWN), { recursive: true });
  const unlock = engine.lock();
  try {
    return { place: (await known(options)) ?? (await begin(options, signal)), unlock };
  } catch (error) {
    unlock();
    throw error;
  }
}

async function known({ folder, branch }: ShellOptions): Promise<Place | undefined> {
  const place = await Place.of(folder);
  if (place === undefined || place.remembered.branch === branch) return place;
  const message = `the folder holds the branch "${place.remembered.branch}", not "${branch}": give each a folder`;
  throw new CoppiceError('INVALID', message, { details: { option: 'branch', file: folder } });
}

async function begin({ folder, branch, engine, store }: ShellOptions, signal: AbortSignal): Promise<Place> {
  if (!(await engine.isEmpty())) {
    const message =
      'the folder holds a database that belongs to no store: open an empty folder with the store, and copy';
    throw new CoppiceError('EXISTS', message, { details: { option: 'store', file: folder } });
  }
  const { databaseId } = await openRoot(store, signal);
  const place = await Place.make(folder, databaseId, branch);
  await place.forget();
  return place;
}
