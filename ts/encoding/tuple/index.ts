/**
 * The tuple encoding: composite keys that sort item by item, in the bytes of FoundationDB's tuple layer.
 *
 * @module
 */

import { type Codec, codec } from '../codec.js';
import type { Tuple } from './items.js';
import { pack } from './pack.js';
import { unpackTuple } from './unpack.js';

export { type Tuple, TupleDouble, TupleFloat, type TupleItem, TupleUuid, TupleVersionstamp } from './items.js';
export { packTuple } from './pack.js';
export { unpackTuple } from './unpack.js';

/** Tuples as keys or values. */
export const tuple: Codec<Tuple> = codec('tuple', 'buffer', pack, (raw) => unpackTuple(raw as Buffer));
