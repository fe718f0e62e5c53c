/**
 * A branch as it was: following that begins with a checkpoint of before that moment, and ends there.
 *
 * @module
 */

import { type Head, type Named, namedBy } from './objects.js';
import type { Until } from './state.js';
import { fail, go, type Turn } from './turn.js';

/** The newest checkpoint that is not past the moment. */
export function baseOf(head: Head, until: Until | null): Named | null {
  const before = namedBy(head).filter((named) => until === null || !past(until, named.revision, named.timeMs));
  return before.at(-1) ?? null;
}

/** Whether everything up to the moment is there. */
export function reached({ state }: Turn, revision: number, timeMs?: number): boolean {
  const { until } = state.settings;
  if (until === null) return false;
  return 'revision' in until ? revision >= until.revision : timeMs !== undefined && timeMs > until.timeMs;
}

/** The log has ended. All there is was committed before now; a revision that is not there has never been. */
export function endRestore(turn: Turn, until: Until): void {
  if ('revision' in until) fail(turn, `the branch has not got to revision ${until.revision}`);
  else go(turn, 'restored');
}

function past(until: Until, revision: number, timeMs: number): boolean {
  return 'revision' in until ? revision > until.revision : timeMs > until.timeMs;
}
