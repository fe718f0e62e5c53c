/**
 * Opens a database in which nothing was written since its last checkpoint, in its folder or in an empty one, and publishes
 * it: what goes to the store, though the store has all of it?
 *
 * @module
 */
import { open } from '../../../ts/index.js';
import { CountingStore } from '../counting.js';
import { storeIn } from '../server.js';
import { BY_HAND, type Given } from './place.js';

export interface Still {
  tables: number;
  puts: number;
  bytes: number;
}

export async function still(given: Given): Promise<Still> {
  const store = new CountingStore(storeIn(given, given.prefix));
  const db = await open(given.folder, { store, checkpoint: BY_HAND });
  await db.checkpoint();
  await db.close();
  const bytes = store.puts.reduce((sum, put) => sum + put.bytes, 0);
  return { tables: store.tables.length, puts: store.puts.length, bytes };
}
