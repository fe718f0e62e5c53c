/**
 * The log of a store: what happened to its branches, the newest first, as far as the store still says.
 *
 * @module
 */

import { type Head, headName } from '../protocol/index.js';
import { noBranch, ofHeads, readHead } from '../shell/index.js';
import type { ObjectStore } from '../store/index.js';
import type { LogEvent, Story } from './events.js';
import { inOrder } from './order.js';
import { beginningOf, storyOf } from './story.js';

export type { LogEvent } from './events.js';

/** Of all branches, or of one and those that have grown from it. */
export async function logOf(store: ObjectStore, branch: string | undefined): Promise<LogEvent[]> {
  const one = branch === undefined ? undefined : await readHead(store, headName(branch));
  if (branch !== undefined && one?.state !== 'live') throw noBranch(branch, store);
  const stories = await ofHeads<Story>(store, (head) => {
    if (!isTold(head)) return undefined;
    if (one === undefined || head.branchId === one.branchId) return storyOf(store, head);
    return head.origin?.branchId === one.branchId ? beginningOf(store, head) : undefined;
  });
  return inOrder(stories);
}

/** What was dropped is told of as long as others need it. */
function isTold({ state, pins }: Head): boolean {
  return state === 'live' || (state === 'deleted' && pins.length > 0);
}
