/**
 * How a branch is opened, and what the machine is told of it.
 *
 * @module
 */

import { randomBytes, randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Mode, Policy, Settings, Until } from '../protocol/index.js';
import type { ObjectStore } from '../store/index.js';
import type { Backlog } from './backlog.js';
import type { Near } from './download.js';
import type { EngineFolder } from './engine.js';
import type { ShellEvent } from './events.js';
import type { OnProgress } from './progress.js';

/** When a checkpoint is due: whichever is first. */
export interface CheckpointPolicy {
  readonly everyBytes: number;
  readonly everySlots: number;
}

export interface ShellOptions {
  readonly store: ObjectStore;
  /** Of the database. */
  readonly folder: string;
  readonly engine: EngineFolder;
  readonly branch: string;
  readonly mode: Mode;
  /** Whether the branch has to be there, must not be, or is made if it is not. */
  readonly wants: 'any' | 'known' | 'new';
  /** A copy of the branch as it was then; null: the branch itself. */
  readonly until: Until | null;
  /** Of a copy: it begins with the oldest checkpoint that is kept. */
  readonly oldest?: boolean | undefined;
  readonly policy: Policy;
  readonly checkpoint: CheckpointPolicy;
  /** Writes are refused while so many bytes of log are on this disk only. */
  readonly unshippedBytesMax: number;
  /** How long records wait for others to share a slot with. */
  readonly lingerMs: number;
  /** How often an owner shows that it lives; null: never. */
  readonly renewMs: number | null;
  readonly pollMs: number;
  readonly takeoverMs: number;
  /**
   * Whether opening ships what the disk holds first. Where nobody sees what is not in the store, it would otherwise show up
   * beneath whoever has read already.
   */
  readonly shipsFirst: boolean;
  /**
   * Whether another thread of this process has shipped before, and this one goes on beneath those who read and write: what
   * the branch does not have is not replaced, but given up.
   */
  readonly takesOver?: boolean;
  /** Where tables may be that would be fetched else. */
  readonly near?: Near;
  /** Of its own, unless it is given. */
  readonly backlog?: Backlog;
  /** Gives up opening. */
  readonly signal?: AbortSignal | undefined;
  /** Hears how far opening is. */
  readonly onProgress?: OnProgress | undefined;
  readonly on: (event: ShellEvent) => void;
}

/** What nobody knows the outcome of is tried again after so long, then after twice as long each time, up to the other. */
export const BACK_OFF_MS_MIN = 25;
export const BACK_OFF_MS_MAX = 10_000;

export function settingsOf(options: ShellOptions, disk: string): Settings {
  const { branch, mode, until, oldest, policy, lingerMs, renewMs, pollMs, takeoverMs } = options;
  return {
    branch,
    mode,
    owner: { node: hostname(), disk, boot: randomUUID(), renewMs },
    newBranchId: randomBytes(16).toString('hex'),
    policy,
    lingerMs,
    pollMs,
    takeoverMs,
    until,
    oldest,
    backOffMsMin: BACK_OFF_MS_MIN,
    backOffMsMax: BACK_OFF_MS_MAX,
  };
}
