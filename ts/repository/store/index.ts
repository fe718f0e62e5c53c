/**
 * Places for objects, behind one interface of five calls.
 *
 * @module
 */

export { type Loss, type Outcome, outcomeOf, type Reason } from './failures.js';
export { fsStore, withTrialStore } from './folder/index.js';
export { memoryStore } from './memory.js';
export { folderNamed, storeAt } from './named.js';
export type {
  ObjectStore,
  StoredHead,
  StoredObject,
  StoreGetOptions,
  StoreListOptions,
  StoreOptions,
  StorePutOptions,
} from './object-store.js';
export { type ProbeCheck, type ProbeReport, probe, requireSound } from './probe.js';
export { type S3ClientLike, type S3Credentials, type S3Options, s3 } from './s3/index.js';
