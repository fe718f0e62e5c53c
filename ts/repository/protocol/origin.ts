/**
 * Where a branch has grown from another: it begins with a checkpoint of that one, or of one that that one has grown from,
 * and with parts of their logs, each up to a slot or a moment. A node reads one after the other, and then the branch's own.
 *
 * @module
 */

import {
  BEGUN_SLOT,
  branchedAt,
  checkpointsOf,
  type Head,
  type Named,
  type Origin,
  type Position,
  type Stretch,
  type Until,
} from './objects.js';
import type { Held, State } from './state.js';

/** The branch whose log a node stands in. */
export function logOf({ branchId, log }: Pick<State, 'branchId' | 'log'>): string {
  return log.of ?? branchId;
}

/** Slots of the log in which a node stands are known to exist up to here. */
export function knownUpTo(state: Pick<State, 'branchId' | 'head' | 'log'>): number {
  const { of } = state.log;
  const head = ownHead(state);
  if (of === undefined) return head?.wal.hint ?? 0;
  return head?.origin?.stretches.find(({ branchId }) => branchId === of)?.to ?? 0;
}

/** The head that was seen last, if it is that of the branch: another one, which has replaced it, may begin with the log of this one. */
function ownHead({ branchId, head }: Pick<State, 'branchId' | 'head'>): Head | undefined {
  return head?.head.branchId === branchId ? head.head : undefined;
}

/**
 * The checkpoint to begin with: the newest that is not past the moment, or, if the most is to be read of the log, the oldest. Null: none,
 * everything is in the log; undefined: the log does not reach back so far.
 */
export function baseOf(head: Head, until: Until | null, oldest = false): Named | null | undefined {
  const own = checkpointsOf(head).filter((named) => isBefore(named, until));
  const begun = begunWith(head, until);
  return oldest ? (begun ?? own[0] ?? begun) : (own.at(-1) ?? begun);
}

/** As `baseOf`, without checkpoints of its own. */
function begunWith({ origin, wal }: Head, until: Until | null): Named | null | undefined {
  if (wal.floor < BEGUN_SLOT) return null;
  if (origin?.state !== 'pinned') return undefined;
  // Of the moment at which it began, and those before, its own log says nothing, so that it does not have to be there.
  if (wal.floor > BEGUN_SLOT && !isUpToBeginning(origin, until)) return undefined;
  return origin.manifest === null || isBefore(origin.manifest, until) ? origin.manifest : undefined;
}

function isBefore({ revision, timeMs }: Named, until: Until | null): boolean {
  return until === null || !isPast(until, revision, timeMs);
}

/** Whether a moment is known not to be past the one at which a branch began. */
function isUpToBeginning({ stretches }: Origin, until: Until | null): boolean {
  const began = stretches.at(-1)?.until ?? null;
  if (began === null || until === null) return false;
  return 'revision' in began && 'revision' in until && until.revision <= began.revision;
}

export function isPast(until: Until, revision: number, timeMs: number): boolean {
  return 'revision' in until ? revision > until.revision : timeMs > until.timeMs;
}

/** The moments that records of this log must not go past. */
export function momentsAhead(state: State, log: Position): readonly Until[] {
  return ahead(state, log).flatMap(({ until }) => (until === null ? [] : [until]));
}

/**
 * Where a node stands that holds so much, in this log: there, or, where that is over, at the beginning of the next one. None:
 * at the moment that is restored. `timeMs`: of the last record of the slot that was read last.
 */
export function onwards(state: State, log: Position, held: Held, timeMs?: number): Position | null {
  const logs = ahead(state, log);
  const over = lastOver(logs, log, held, timeMs);
  if (over < 0) return log;
  const next = logs[over + 1];
  if (next === undefined) return null;
  const begun = branchedAt(next.branchId, held.seq, held.revision);
  return onwards(state, next.branchId === state.branchId ? begun : { ...begun, of: next.branchId }, held);
}

/** This log and those that come after it, the last of which is the branch's own. */
function ahead(state: State, { of }: Position): readonly Stretch[] {
  const { branchId, settings } = state;
  const own = { branchId, to: Number.POSITIVE_INFINITY, until: settings.until };
  const logs = [...(ownHead(state)?.origin?.stretches ?? []), own];
  return logs.slice(logs.findIndex((log) => log.branchId === (of ?? branchId)));
}

/** The last of the logs that is over: whoever is past the moment of one has nothing to read of those before it either. */
function lastOver(
  logs: readonly Stretch[],
  { slot }: Position,
  { revision }: Held,
  timeMs = Number.NEGATIVE_INFINITY,
): number {
  const byRevision = logs.findLastIndex(
    ({ until }) => until !== null && 'revision' in until && revision >= until.revision,
  );
  if (byRevision >= 0) return byRevision;
  // Records are held up to the earliest time only: what the slot says of later ones it says of another branch.
  const times = logs.map(({ until }) =>
    until !== null && 'timeMs' in until ? until.timeMs : Number.POSITIVE_INFINITY,
  );
  const earliest = Math.min(...times);
  if (timeMs > earliest) return times.lastIndexOf(earliest);
  return slot >= (logs[0]?.to ?? 0) ? 0 : -1;
}
