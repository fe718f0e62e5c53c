/**
 * Every bound of the TypeScript side in one place. Bounds of the stored bytes themselves (keys, values, batches) are the
 * engine's and are enforced there.
 *
 * @module
 */

/** A stored key, in bytes, with the prefix of its sublevel. */
export const KEY_BYTES_MAX = 65_535;

/** How often a transaction is tried again, unless `retries` says otherwise. */
export const RETRIES = 20;
/** Between two tries lie so many milliseconds at most. */
export const RETRY_MS_MAX = 64;

/** Batches that may wait for memory or large values before further writes reject with `COPPICE_BUSY`. */
export const QUEUED_BATCHES_MAX = 4_096;
/** Bytes of batches, without large values, that may wait before further writes reject with `COPPICE_BUSY`. */
export const QUEUED_BYTES_MAX = 64 << 20;

/** The operations of a batch or a transaction, without large values; and as much again of conditions. */
export const BATCH_BYTES_MAX = 32 << 20;
/** What a driver is told to put at once is one commit up to so many bytes, and then the next. */
export const DRIVER_BATCH_BYTES = 8 << 20;
/** Values over this many bytes are written to files of their own before the commit that holds them. */
export const LARGE_VALUE_BYTES = 1 << 20;
/** So much of one is handed over at a time. */
export const LARGE_PIECE_BYTES = 4 << 20;
/** A value. */
export const VALUE_BYTES_MAX = 1 << 30;
/** The large values of one batch together. */
export const LARGE_BYTES_MAX = 1 << 30;

/** Rows that the first native call of a range fetches, unless `batchSize` says otherwise. */
export const ROWS_FIRST = 16;
/** Each further chunk of a range is this many times larger, up to `ROWS_MAX`. */
export const ROWS_GROWTH = 4;
/** Rows that one native call of a range fetches at most, unless `batchSize` says otherwise. */
export const ROWS_MAX = 1_000;
/** The largest `batchSize` that is accepted. */
export const BATCH_SIZE_MAX = 100_000;
/** Asynchronous reads let the event loop run after this many rows. */
export const ROWS_PER_TURN = 1_000;

/** One budget for memtables, page cache and filters: the least, and what is used unless an option says otherwise. */
export const MEMORY_BYTES_MIN = 16 << 20;
export const MEMORY_BYTES_DEFAULT = 64 << 20;

/** The longest accepted duration: 10,000 days, so that now plus a TTL is always a valid `Date`. */
export const DURATION_MS_MAX = 10_000 * 86_400_000;

/** How long a close waits for a store that cannot be reached, unless it is told otherwise. */
export const CLOSE_MS = 30_000;

/** Levels that a tuple may nest, so that hostile bytes cannot exhaust the stack. */
export const TUPLE_DEPTH_MAX = 64;

/** The name of a sublevel, in characters. */
export const SUBLEVEL_NAME_MAX = 255;

/** An object of a store. Nothing is uploaded in parts, so that a hash is always one of the whole object. */
export const OBJECT_BYTES_MAX = 64 << 20;
/** The key of an object: room is left for the prefix of a store within the 1,024 bytes of S3. */
export const OBJECT_KEY_BYTES_MAX = 700;
/** What an S3 store puts before its keys. */
export const OBJECT_PREFIX_BYTES_MAX = 300;
/** What stands between two slashes of it: file systems take names of 255 bytes, and the longest retired name of a branch has 215. */
export const OBJECT_KEY_SEGMENT_BYTES_MAX = 220;
