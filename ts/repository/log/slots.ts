/**
 * What slots of a log say of times: they are read, never changed, and may be gone.
 *
 * @module
 */

import { decodeSlot } from '../formats/index.js';
import { type Records, type Slot, slotName } from '../protocol/index.js';
import type { ObjectStore } from '../store/index.js';

/** So many slots are read at once. */
const AT_ONCE = 16;

export async function readSlot(store: ObjectStore, branchId: string, slot: number): Promise<Slot | undefined> {
  const key = slotName(branchId, slot);
  const found = await store.get(key);
  return found && decodeSlot(key, found.body);
}

/** The slots from that one on, up to the first that is not there. */
export async function* slotsFrom(store: ObjectStore, branchId: string, first: number): AsyncGenerator<Slot> {
  for (let from = first; ; from += AT_ONCE) {
    const found = await Promise.all(Array.from({ length: AT_ONCE }, (_, i) => readSlot(store, branchId, from + i)));
    for (const slot of found) {
      if (slot === undefined) return;
      yield slot;
    }
  }
}

/** The first records at or after a slot, before another one. */
export async function recordsFrom(
  store: ObjectStore,
  branchId: string,
  from: number,
  to: number,
): Promise<Records | undefined> {
  for (let slot = from; slot < to; slot++) {
    const found = await readSlot(store, branchId, slot);
    if (found === undefined || found.records !== undefined) return found?.records;
  }
  return undefined;
}

/** The last records before a slot, at or after another one. */
export async function recordsBefore(
  store: ObjectStore,
  branchId: string,
  from: number,
  to: number,
): Promise<Records | undefined> {
  for (let slot = to - 1; slot >= from; slot--) {
    const found = await readSlot(store, branchId, slot);
    if (found === undefined || found.records !== undefined) return found?.records;
  }
  return undefined;
}

/** The records that a revision is in: revisions grow with slots, so that few are read of many. */
export async function recordsWith(
  store: ObjectStore,
  branchId: string,
  revision: number,
  from: number,
  to: number,
): Promise<Records | undefined> {
  let [low, high] = [from, to];
  let found: Records | undefined;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const records = await recordsFrom(store, branchId, middle, high);
    if (records !== undefined && records.revision < revision) low = middle + 1;
    else {
      found = records ?? found;
      high = middle;
    }
  }
  return found;
}
