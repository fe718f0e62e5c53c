/**
 * A branch as whoever has the database open sees it.
 *
 * @module
 */

import type { Forking, LetOff } from '../protocol/index.js';
import type { Backlog } from './backlog.js';
import type { Published } from './events.js';
import type { OnProgress } from './progress.js';
import type { BranchStatus } from './status.js';

export interface Branch {
  /** Whether it only reads, and follows whoever writes. */
  readonly follows: boolean;
  /** What is on this disk only. */
  readonly backlog: Backlog;
  /** Resolves when a revision is in the store, where no other machine takes it back; of a replica: and can be read here. */
  stored(revision: number): Promise<void>;
  status(): BranchStatus;
  /** Where the log ends, for whoever makes a branch of it; nothing of one that is not led by this thread. */
  readonly tip: Forking['known'];
  /** Publishes everything that was committed before the call. */
  checkpoint(onProgress?: OnProgress): Promise<Published>;
  /** Makes everything its own that it has from another branch, and lets go of that. */
  detach(): Promise<LetOff>;
  /** Puts damaged files of the folder right from the store; answers the paths of those that are. */
  repair(paths: readonly string[]): Promise<string[]>;
  /** Answers how many records are on this disk only. */
  close(timeoutMs?: number): Promise<number>;
}
