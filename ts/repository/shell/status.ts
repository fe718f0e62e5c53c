/**
 * What a shell says of itself, for people and for monitors.
 *
 * @module
 */

import { type State, type Status, status } from '../protocol/index.js';
import type { Counts } from './counts.js';

/** The state of a branch as this node sees it. */
export interface BranchStatus extends Status {
  readonly branch: string;
  readonly store: string;
  /** In the store, for whoever comes next. */
  readonly revision: number;
  /** Records that are on this disk only. */
  readonly unshipped: number;
  /** The log that holds them, by whole files. */
  readonly unshippedBytes: number;
  /** How long ago something was last stored in the log, in milliseconds; `undefined`: nothing was since open. */
  readonly shippedMsAgo: number | undefined;
  /** Of a replica: everything that was in the store so many milliseconds ago is here. `undefined`: not known yet, or none. */
  readonly behindMs: number | undefined;
  /** The newest checkpoint; `undefined`: none yet. */
  readonly checkpoint: { readonly revision: number; readonly at: Date } | undefined;
  /** Slots that are read on top of it when the branch grows back. */
  readonly slots: number;
  readonly counts: Counts;
}

export function statusOf(
  state: State,
  { location }: { readonly location: string },
  counts: Counts,
  {
    ago,
    bytes,
    behindMs,
  }: { readonly ago: number | undefined; readonly bytes: number; readonly behindMs: number | undefined },
): BranchStatus {
  const { settings, log, logged, head } = state;
  const named = head?.head.manifest;
  return {
    ...status(state),
    branch: settings.branch,
    store: location,
    revision: log.revision,
    unshipped: Math.max(0, logged - log.seq),
    unshippedBytes: bytes,
    shippedMsAgo: ago,
    behindMs,
    checkpoint: named ? { revision: named.revision, at: new Date(named.timeMs) } : undefined,
    slots: log.slot - (named?.floor ?? 1),
    counts: structuredClone(counts),
  };
}
