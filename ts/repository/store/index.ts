/**
 * Places for objects, behind one interface of five calls.
 *
 * @module
 */

export { type Loss, type Outcome, outcomeOf, type Reason } from './failures.js';
export { memoryStore } from './memory.js';
export type {
  ObjectStore,
  StoredHead,
  StoredObject,
  StoreGetOptions,
  StoreListOptions,
  StoreOptions,
  StorePutOptions,
} from './object-store.js';
