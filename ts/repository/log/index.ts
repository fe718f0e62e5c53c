/**
 * The log of a store: what happened to its branches, the newest first, as far as the store still says.
 *
 * @module
 */

import { HEADS, type Head, headName } from '../protocol/index.js';
import { noBranch, readHead } from '../shell/index.js';
import type { ObjectStore } from '../store/index.js';
import type { LogEvent, Story } from './events.js';
import { inOrder } from './order.js';
import { beginningOf, storyOf } from './story.js';

export type { LogEvent } from './events.js';

/** Of all branches, or of one and those that have grown from it. */
export async function logOf(store: ObjectStore, branch: string | undefined): Promise<LogEvent[]> {
  const one = branch === undefined ? undefined : await readHead(store, headName(branch));
  if (branch !== undefined && one?.state !== 'live') throw noBranch(branch, store);
  const stories: Story[] = [];
  for await (const { key } of store.list(HEADS)) {
    const head = await readHead(store, key);
    if (head === undefined || !isTold(head)) continue;
    if (one === undefined || head.branchId === one.branchId) stories.push(await storyOf(store, head));
    else if (head.origin?.branchId === one.branchId) stories.push(await beginningOf(store, head));
  }
  return inOrder(stories);
}

/** What was dropped is told of as long as others need it. */
function isTold({ state, pins }: Head): boolean {
  return state === 'live' || (state === 'deleted' && pins.length > 0);
}
