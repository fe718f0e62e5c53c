/**
 * A branch as it was, as a database of its own.
 *
 * @module
 */

import type { EngineOptions } from '../native/index.js';
import { DatabaseFolder } from './folder.js';
import { headName } from './protocol/index.js';
import {
  encryptedStore,
  isVacant,
  type Near,
  type OnProgress,
  occupied,
  readHead,
  Shell,
  tellTrying,
  throughOutage,
} from './shell/index.js';
import type { Source } from './source.js';
import type { ObjectStore } from './store/index.js';

/** Of `Until`: later than any commit. */
const EVER_MS = Number.MAX_SAFE_INTEGER;
const POLL_MS = 1_000;

export interface Restoring extends Source {
  readonly signal: AbortSignal | undefined;
  readonly onProgress: OnProgress | undefined;
  /** Where tables may be that would be fetched else. */
  readonly near?: Near | undefined;
  /** Whether it begins with the oldest checkpoint that is kept, and the whole log is read; else with the newest. */
  readonly oldest?: boolean | undefined;
}

/**
 * Makes the copy that a database is to begin with, once: not where there is a database already, nor where the branch is there
 * that is to be made of it. Answers whether it has been made.
 */
export async function beginWith(
  folder: string,
  options: EngineOptions,
  source: Restoring,
  target: { readonly store: ObjectStore; readonly branch: string } | undefined,
): Promise<boolean> {
  const { signal = new AbortController().signal, onProgress } = source;
  if (!(await isVacant(folder, new DatabaseFolder(folder, options, () => {})))) return false;
  if (target !== undefined) {
    const ask = () => readHead(target.store, headName(target.branch));
    const head = await throughOutage(ask, signal, (error) => tellTrying(onProgress, error));
    if (head !== undefined && head.state !== 'gone') return false;
  }
  await restoreBranch(folder, options, source);
  return true;
}

/** The tables of a folder that nobody has open, and nobody opens before the copy is made. */
export function nearIn(folder: string, options: EngineOptions): Near {
  return async () => {
    const { replication, close } = await folderOf(folder, options).open();
    const pinned = await replication.tables().finally(() => close());
    return { ...pinned, release: () => {} };
  };
}

function folderOf(folder: string, options: EngineOptions): DatabaseFolder {
  return new DatabaseFolder(folder, { ...options, replicated: 'applied' }, () => {});
}

/** Makes the copy; nobody's right to write the branch changes. */
export async function restoreBranch(
  folder: string,
  options: EngineOptions,
  { store, branch, until, signal, onProgress, near, oldest }: Restoring,
): Promise<void> {
  const engine = folderOf(folder, options);
  if (!(await isVacant(folder, engine))) {
    throw occupied(folder);
  }
  const shell = await Shell.open({
    store: encryptedStore(store, options.keys),
    folder,
    engine,
    branch,
    mode: 'replica',
    wants: 'known',
    until: until ?? { timeMs: EVER_MS },
    oldest,
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
    ...(near && { near }),
  });
  await shell.close();
}
