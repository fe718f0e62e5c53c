/**
 * A database as a branch of a repository: opened with a store.
 *
 * @module
 */

import type { Engine, EngineEvent, EngineOptions } from '../native/index.js';
import { DatabaseFolder } from './folder.js';
import type { Branching } from './options.js';
import { ReplicaEngine } from './replica.js';
import { Shell, type ShellEvent } from './shell/index.js';

export { type BranchInfo, branchesIn } from './inspect.js';
export { type BranchOptions, branching, branchName, type StoreCheckpoints, storeOf } from './options.js';
export { restoreBranch } from './restore.js';
export { type BranchStatus, isPlace, openRoot, type Progress } from './shell/index.js';
export { type BranchReport, verifyBranch } from './verify.js';

/** Opens the branch in a folder; resolves when it may be written, or, with `readOnly`, when it has been read. */
export async function openBranch(
  folder: string,
  options: EngineOptions,
  branching: Branching,
  signal: AbortSignal | undefined,
  on: (event: EngineEvent | ShellEvent) => void,
): Promise<{ engine: Engine; branch: Shell }> {
  const { shell, replicated } = branching;
  const follows = shell.mode === 'replica';
  const wants = options.errorIfExists ? 'new' : options.createIfMissing ? 'any' : 'known';
  // Whether there is a database is a question about the branch: its folder may be filled, or emptied, from there.
  const ofFolder = { createIfMissing: true, errorIfExists: false, readOnly: false };
  const database = new DatabaseFolder(folder, { ...options, ...ofFolder, replicated }, on);
  const branch = await Shell.open({ ...shell, folder, engine: database, wants, until: null, signal, on });
  if (!follows) await branch.engine();
  return { engine: follows ? new ReplicaEngine(database) : (database.engine as Engine), branch };
}
