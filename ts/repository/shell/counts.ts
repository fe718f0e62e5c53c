/**
 * What a shell has asked of its store, for bills and for whoever looks for what is slow.
 *
 * @module
 */

/**
 * Requests since the database was opened, and the bytes that they have moved.
 *
 * @inline
 */
export interface Counts {
  /** Requests by kind; a list of many keys counts once. */
  readonly requests: Record<'get' | 'put' | 'head' | 'list' | 'delete', number>;
  /** Requests of which nobody knows what came of them. They are made again. */
  failures: number;
  uploadedBytes: number;
  downloadedBytes: number;
}

export function noCounts(): Counts {
  return {
    requests: { get: 0, put: 0, head: 0, list: 0, delete: 0 },
    failures: 0,
    uploadedBytes: 0,
    downloadedBytes: 0,
  };
}
