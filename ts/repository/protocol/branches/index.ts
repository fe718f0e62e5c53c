/**
 * Branches of branches: made, deleted, let go, and mended.
 *
 * @module
 */

export { collect, collectable } from './collect.js';
export { dueIn, expire, removeDue, removeExpired } from './expire.js';
export { isUnfinished } from './finish.js';
export { type Forked, type Forking, fork } from './fork.js';
export { Hand, type Job, type StoreRequest } from './job.js';
export { mend } from './mend.js';
export { detach, type LetOff, release } from './release.js';
export { remove } from './remove.js';
export { type Replaced, type Replacing, replace } from './replace.js';
