/**
 * A branch of a repository, opened: the machine of `../protocol` with a store and an engine in its hands.
 *
 * @module
 */

export { Budget } from './budget.js';
export { sha256Of } from './digest.js';
export type { EngineFolder, OpenEngine } from './engine.js';
export { readHead } from './heads.js';
export type { ShellOptions } from './options.js';
export { isPlace, OWN } from './place.js';
export type { OnProgress, Progress } from './progress.js';
export { openRoot } from './root.js';
export { Shell, type ShellEvent } from './shell.js';
export type { BranchStatus } from './status.js';
