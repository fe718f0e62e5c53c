/**
 * A branch as it was, as a database of its own.
 *
 * @module
 */

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CoppiceError } from '../errors.js';
import type { EngineOptions } from '../native/index.js';
import { DatabaseFolder } from './folder.js';
import { isPlace, type OnProgress, OWN, Shell, type ShellOptions } from './shell/index.js';
import type { ObjectStore } from './store/index.js';

/** Of `Until`: later than any commit. */
const EVER_MS = Number.MAX_SAFE_INTEGER;
const POLL_MS = 1_000;

export interface Restoring {
  readonly store: ObjectStore;
  readonly branch: string;
  readonly until: NonNullable<ShellOptions['until']> | undefined;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: OnProgress | undefined;
}

/** Makes the copy; nobody's right to write the branch changes. */
export async function restoreBranch(
  folder: string,
  options: EngineOptions,
  { store, branch, until, signal, onProgress }: Restoring,
): Promise<void> {
  const engine = new DatabaseFolder(folder, { ...options, replicated: 'applied' }, () => {});
  if ((await isPlace(folder)) || !(await engine.isEmpty())) {
    throw new CoppiceError('EXISTS', `${folder} holds a database: restore into an empty folder`, {
      details: { file: folder },
    });
  }
  const shell = await Shell.open({
    store,
    folder,
    engine,
    branch,
    mode: 'replica',
    wants: 'known',
    until: until ?? { timeMs: EVER_MS },
    policy: { keep: 0, retainMs: 0 },
    checkpoint: { everyBytes: Number.MAX_SAFE_INTEGER, everySlots: Number.MAX_SAFE_INTEGER },
    unshippedBytesMax: Number.MAX_SAFE_INTEGER,
    lingerMs: 0,
    renewMs: null,
    pollMs: POLL_MS,
    takeoverMs: 0,
    shipsFirst: false,
    signal,
    onProgress,
    on: () => {},
  });
  await shell.close();
  // It is nobody's disk: what is written to it is its own.
  await rm(join(folder, OWN), { recursive: true, force: true });
}
