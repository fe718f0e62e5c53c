/**
 * The protocol of a branch in an object store as a pure state machine. `docs/protocol.md` says what it promises and why
 * each rule is there; `__test__/simulator` tries to break it.
 *
 * @module
 */

export {
  collect,
  collectable,
  detach,
  dueIn,
  expire,
  type Forked,
  type Forking,
  fork,
  Hand,
  isUnfinished,
  type Job,
  type LetOff,
  mend,
  type Replaced,
  type Replacing,
  release,
  remove,
  removeDue,
  removeExpired,
  replace,
  type StoreRequest,
} from './branches/index.js';
export { adopted } from './change.js';
export {
  branchPrefix,
  epochOfList,
  HEADS,
  headName,
  isRetired,
  listName,
  manifestName,
  type Parsed,
  parseName,
  retiredName,
  slotName,
  tableName,
} from './names.js';
export {
  adoptedAt,
  BEGUN_SLOT,
  branchedAt,
  checkpointsOf,
  type Head,
  isMade,
  type Made,
  type Manifest,
  type Named,
  namedBy,
  neededBy,
  ORIGIN,
  type Owner,
  type Pin,
  type Policy,
  type Position,
  type Records,
  type Slot,
  type Stretch,
  seal,
  sha256,
  type Table,
  type Until,
} from './objects.js';
export { knownUpTo } from './origin.js';
export type {
  Action,
  Answer,
  Event,
  Flushed,
  Held,
  Local,
  Mode,
  Notice,
  Phase,
  Purpose,
  Request,
  Settings,
  State,
} from './state.js';
export { type Status, status } from './status.js';
export { start, step } from './step.js';
