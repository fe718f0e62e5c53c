/**
 * A database as a branch of a repository: opened with a store.
 *
 * @module
 */

import { CoppiceError } from '../errors.js';
import type { Engine, EngineEvent, EngineOptions } from '../native/index.js';
import { DatabaseFolder } from './folder.js';
import type { Branching } from './options.js';
import { ReplicaEngine } from './replica.js';
import { isPlace, Shell, type ShellEvent } from './shell/index.js';

export { type BranchInfo, branchesIn } from './inspect.js';
export { type BranchOptions, branching, branchName, type StoreCheckpoints, storeOf } from './options.js';
export { restoreBranch } from './restore.js';
export { type BranchStatus, isPlace, openRoot } from './shell/index.js';
export { type BranchReport, verifyBranch } from './verify.js';

/** Opens the branch in a folder; resolves when it may be written, or, with `readOnly`, when it has been read. */
export async function openBranch(
  folder: string,
  options: EngineOptions,
  branching: Branching,
  signal: AbortSignal | undefined,
  on: (event: EngineEvent | ShellEvent) => void,
): Promise<{ engine: Engine; branch: Shell }> {
  if (options.errorIfExists) {
    throw new CoppiceError('UNSUPPORTED', 'errorIfExists with a store comes in a later version', {
      details: { option: 'errorIfExists' },
    });
  }
  const { shell, replicated } = branching;
  const follows = shell.mode === 'replica';
  if (!follows && !options.createIfMissing && !(await isPlace(folder))) {
    throw new CoppiceError('NOT_FOUND', `there is no database in ${folder}`, { details: { file: folder } });
  }
  const database = new DatabaseFolder(folder, { ...options, createIfMissing: true, readOnly: false, replicated }, on);
  const branch = await Shell.open({ ...shell, folder, engine: database, until: null, signal, on });
  if (!follows) await branch.engine();
  return { engine: follows ? new ReplicaEngine(database) : (database.engine as Engine), branch };
}
