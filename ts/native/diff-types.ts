/**
 * What a diff is, as the rest of `ts/` sees it.
 *
 * @module
 */

import type { Bounds, Decode, FoundEntry } from './types.js';

/** Which keys a diff looks at, and as what it hands over what it finds. */
export interface ChangesOptions extends Bounds {
  keys: Decode;
  values: Decode;
}

/** A key that differs. */
export interface ChangedEntry {
  readonly key: string | Buffer;
  readonly before: FoundEntry<string | Buffer> | undefined;
  readonly after: FoundEntry<string | Buffer> | undefined;
}

/** One of the two moments of a diff: an open handle, and a snapshot of it; 0: whatever is newest. */
export interface DiffEnd {
  readonly handle: number;
  readonly snapshot: number;
}

/** What differs between two moments, in key order. Both stand still from the beginning on. */
export interface Changes {
  /** The next ones, about a megabyte of them; none at the end. One call at a time. */
  next(): Promise<readonly ChangedEntry[]>;
  /** Harmless twice. */
  close(): void;
}
