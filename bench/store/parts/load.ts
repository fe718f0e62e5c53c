/**
 * Fills a database with a store at random, publishes it and closes it.
 *
 * @module
 */
import { open } from '../../../ts/index.js';
import { key, shuffled } from '../../data.js';
import { CountingStore } from '../counting.js';
import { storeIn } from '../server.js';
import { BATCH, BY_HAND, type Given, smallValue, timed, value } from './place.js';

export interface LoadGiven extends Given {
  keys: number;
  /** Of values that do not compress; without it they are small and do. */
  valueBytes?: number;
}

export interface Loaded {
  tables: number;
  bytes: number;
  checkpointMs: number;
}

export async function load(given: LoadGiven): Promise<Loaded> {
  const { folder, prefix, keys, valueBytes } = given;
  const store = new CountingStore(storeIn(given, prefix));
  const db = await open(folder, { store, durability: 'remote', valueEncoding: 'buffer', checkpoint: BY_HAND });
  const order = shuffled(keys);
  const valueAt = (row: number) => (valueBytes === undefined ? smallValue(row) : value(row, valueBytes));
  for (let from = 0; from < keys; ) {
    const writes: Promise<unknown>[] = [];
    for (let i = 0; i < 8 && from < keys; i++, from += BATCH) {
      const rows = order.subarray(from, from + BATCH);
      writes.push(db.batch(Array.from(rows, (row) => ({ type: 'put', key: key(row), value: valueAt(row) }))));
    }
    await Promise.all(writes);
  }
  await db.compact();
  let tables = 0;
  let bytes = 0;
  const checkpointMs = await timed(async () => ({ tables, bytes } = await db.checkpoint()));
  await db.close();
  return { tables, bytes, checkpointMs };
}
