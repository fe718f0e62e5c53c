/**
 * What jobs that were killed have left, seen from one branch: pins of branches that may never be made, a release, a replacement or
 * a deletion that has not come to its end. Anybody may do this at any time; it asks no clock.
 *
 * @module
 */

import { finish, retire } from './finish.js';
import { type Hand, type Job, readHead } from './job.js';
import { endRelease } from './release.js';
import { settlePins } from './settle.js';

export function* mend(hand: Hand, name: string): Job<void> {
  const seen = yield* readHead(name);
  if (seen === null || seen.head.state === 'gone') return;
  yield* retire(hand, seen.head);
  yield* settlePins(hand, seen);
  const { head } = (yield* readHead(name)) ?? seen;
  if (head.origin?.state === 'releasing') yield* endRelease(hand, head);
  if (head.state === 'deleted') yield* finish(hand, name, head.branchId);
}
