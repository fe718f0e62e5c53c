/**
 * What an open branch tells.
 *
 * @module
 */

import type { CoppiceError } from '../../errors.js';

/** What a shell tells without being asked. */
export type ShellEvent =
  /** Everything up to a revision is in the store, for ever; of a replica: and here. */
  | { readonly type: 'acknowledged'; readonly revision: number }
  | { readonly type: 'published'; readonly checkpoint: Published }
  /** Another node has the branch. The engine is about to be closed, and what is not stored to be taken back; `ended` follows. */
  | { readonly type: 'overtaken'; readonly error: CoppiceError }
  /** Nothing further is shipped by this process. */
  | { readonly type: 'ended'; readonly error: CoppiceError };

/** A checkpoint that the head of the branch names. */
export interface Published {
  readonly revision: number;
  readonly tables: number;
  readonly bytes: number;
  readonly at: Date;
  /** Of its manifest. */
  readonly location: string;
}
