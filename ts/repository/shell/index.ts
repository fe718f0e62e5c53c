/**
 * A branch of a repository, opened: the machine of `../protocol` with a store and an engine in its hands.
 *
 * @module
 */

export { Backlog } from './backlog.js';
export { isVacant } from './belonging.js';
export type { Branch } from './branch.js';
export { Budget } from './budget.js';
export { sha256Of } from './digest.js';
export type { Near } from './download.js';
export { encryptedStore } from './encrypted.js';
export type { EngineFolder, OpenEngine } from './engine.js';
export {
  branchExists,
  doubtful,
  failedCommit,
  fenced,
  fencedCommit,
  noBranch,
  occupied,
  shippedElsewhere,
  unshipped,
} from './errors.js';
export type { Published, ShellEvent } from './events.js';
export { headKeys, ofHeads, readHead } from './heads.js';
export { carryOut, type Doing } from './jobs.js';
export { KeepAlive } from './keep-alive.js';
export type { ShellOptions } from './options.js';
export { throughOutage } from './outage.js';
export { OWN } from './own.js';
export { isPlace } from './place.js';
export { type OnProgress, type Progress, tellProgress, tellTrying } from './progress.js';
export { repairFiles } from './repair.js';
export { findRoot, openRoot } from './root.js';
export { Shell } from './shell.js';
export type { BranchStatus } from './status.js';
export { isHalfDone } from './tidy.js';
export { Waiters } from './waiters.js';
