/**
 * A database as a branch of a repository: opened with a store.
 *
 * @module
 */

import type { Engine, EngineEvent, EngineOptions } from '../native/index.js';
import { DatabaseFolder } from './folder.js';
import type { Branching } from './options.js';
import { ReplicaEngine } from './replica.js';
import { SharedBranch } from './shared.js';
import { type Branch, encryptedStore, type Near, Shell, type ShellEvent } from './shell/index.js';

export { expireBranch, forkBranch, removeBranch, replaceBranch } from './branches.js';
export { type CollectedBranch, collectStore } from './collect.js';
export { type BranchInfo, branchesIn, branchIn, forkPoint, parentIn } from './inspect.js';
export { type LogEvent, logOf } from './log/index.js';
export { type BranchOptions, branching, branchName, type StoreCheckpoints, storeOf } from './options.js';
export { beginWith, nearIn, restoreBranch } from './restore.js';
export {
  type Branch,
  type BranchStatus,
  encryptedStore,
  isPlace,
  type Near,
  OWN,
  openRoot,
  type Progress,
} from './shell/index.js';
export { momentOf, type RestoreFrom, sourceOf } from './source.js';
export { type BranchReport, verifyBranch } from './verify.js';

/** Opens the branch in a folder; resolves when it may be written, or, with `readOnly`, when it has been read. */
export async function openBranch(
  folder: string,
  options: EngineOptions,
  branching: Branching,
  signal: AbortSignal | undefined,
  on: (event: EngineEvent | ShellEvent) => void,
  near?: Near,
): Promise<{ engine: Engine; branch: Branch }> {
  const { shell, replicated, agreement } = branching;
  const wants = options.errorIfExists ? 'new' : options.createIfMissing ? 'any' : 'known';
  // Whether there is a database is a question about the branch: its folder may be filled, or emptied, from there.
  const ofFolder = { createIfMissing: true, errorIfExists: false, readOnly: false };
  const ofEngine = { ...options, ...ofFolder, replicated };
  const store = encryptedStore(shell.store, options.keys);
  const ofShell = { ...shell, store, folder, wants, until: null, signal, on, ...(near && { near }) } as const;
  if (shell.mode !== 'replica') return SharedBranch.open(ofShell, ofEngine, agreement);
  const database = new DatabaseFolder(folder, ofEngine, on);
  const branch = await Shell.open({ ...ofShell, engine: database });
  return { engine: new ReplicaEngine(database), branch };
}
