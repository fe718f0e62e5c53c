/**
 * What a repository needs of the place where its objects live: five calls.
 *
 * Whatever answers them as said here will do, also a store of your own; `probe` finds out whether it does. Nothing more
 * is relied on: no rename, no append, no multipart upload, no time stamps, no conditional delete, and a list only to
 * find what may be deleted.
 *
 * @module
 */

/** A place for objects: an S3 bucket, a folder, memory. Calls may run at the same time, from any number of processes. */
export interface ObjectStore {
  /** How messages name it, without secrets: `s3://bucket/prefix`, a folder, `memory`. */
  readonly location: string;

  /**
   * The object as the newest `put` or `del` left it, whoever made that: a put that has resolved is seen by every get that
   * begins afterwards. `undefined` if there is none. The body belongs to the caller.
   *
   * `range`: bytes from the first number up to, not including, the second, `0 <= from < to`; what lies behind the end is
   * left out, so that the body may be shorter or empty.
   */
  get(key: string, options?: StoreGetOptions): Promise<StoredObject | undefined>;

  /** As `get` without the body. `sha256`: in hexadecimal digits, where the store keeps it. */
  head(key: string, options?: StoreOptions): Promise<StoredHead | undefined>;

  /**
   * Stores an object of at most 64 MiB whole or not at all, durably before it resolves. `body` must not change until
   * then. With `ifNoneMatch` only if there is no such object; with `ifMatch` only if its ETag is that one; with neither
   * whatever is there. Of several conditional puts that race exactly one wins.
   *
   * Never sends a conditional put twice. If it rejects, `outcomeOf(error)` tells what is known:
   *
   * | outcome | code | |
   * |---|---|---|
   * | `lost` | `COPPICE_PRECONDITION` | this put changed nothing: something else is, or was, there |
   * | `refused` | `COPPICE_STORE` and all others | this put changed nothing, and will not |
   * | `unknown` | `COPPICE_STORE`, `COPPICE_UNKNOWN_OUTCOME` | it may have landed, and may yet land at any later time |
   */
  put(key: string, body: Uint8Array, options?: StorePutOptions): Promise<{ etag: string }>;

  /** Objects whose keys begin with `prefix`, in the order of their keys. May miss what changed a moment ago. */
  list(prefix: string, options?: StoreListOptions): AsyncIterable<{ key: string; size: number }>;

  /** Removes objects, in any order, not all at once. A key that has none is no error. */
  del(keys: readonly string[], options?: StoreOptions): Promise<void>;
}

/** What every call of a store takes. */
export interface StoreOptions {
  /** Gives up waiting. A put that was sent already is then `COPPICE_UNKNOWN_OUTCOME`; all else `COPPICE_ABORTED`. */
  signal?: AbortSignal | undefined;
}

/** What `get` of a store takes. */
export interface StoreGetOptions extends StoreOptions {
  range?: readonly [from: number, to: number] | undefined;
}

/** The condition of a put, and what its body has to be. */
export interface StorePutOptions extends StoreOptions {
  ifNoneMatch?: '*' | undefined;
  ifMatch?: string | undefined;
  /** SHA-256 of the body, 64 hexadecimal digits. A body that differs is refused with `COPPICE_STORE`. */
  sha256?: string | undefined;
}

/** Where a list begins. */
export interface StoreListOptions extends StoreOptions {
  /** Only keys behind this one. */
  after?: string | undefined;
}

/** An object with its content. */
export interface StoredObject {
  body: Uint8Array;
  /** Names this content of this key: only good for `ifMatch`, and to be compared. */
  etag: string;
}

/** An object without its content. */
export interface StoredHead {
  size: number;
  etag: string;
  sha256?: string;
}
