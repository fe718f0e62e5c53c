/**
 * `coppice/encoding`: what keys and values are encoded by, and tuples packed without a database.
 *
 * @module
 */

export {
  type Decoded,
  type EncodedTypes,
  type Encoding,
  type EncodingName,
  type KeyEncoding,
  type KeyEncodingName,
  packTuple,
  type Tuple,
  TupleDouble,
  TupleFloat,
  type TupleItem,
  TupleUuid,
  TupleVersionstamp,
  unpackTuple,
  type ValueEncoding,
} from '../encoding/index.js';
