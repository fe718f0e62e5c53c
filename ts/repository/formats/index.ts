/**
 * What the objects of a repository look like as bytes: `docs/formats/repository.md`, and nothing else, says so.
 *
 * @module
 */

export { damaged } from './damaged.js';
export { decodeHead, decodeOlder, decodeOlderPins, encodeHead, type Older } from './head.js';
export { decodeManifest, encodeManifest } from './manifest.js';
export { Keyring, sealed, unsealed } from './sealed.js';
export { decodeSlot, encodeSlot } from './slot.js';
