/**
 * `coppice/keyv`: stores for Keyv. `KeyvCoppice` is for Keyv 6 and `KeyvCoppice5` for Keyv 5, which asks other things of a store.
 *
 * @module
 */

export type { DriverDatabase, GivenDatabase, OwnDatabase } from '../backing.js';
export { KeyvCoppice5, type KeyvEntry5 } from './keyv5.js';
export { KeyvCoppice, type KeyvEntry, type KeyvStored } from './keyv6.js';
