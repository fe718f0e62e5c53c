/**
 * Opening a small database: on an empty disk, and on the disk that has it.
 *
 * @module
 */
import { rmSync } from 'node:fs';
import { open } from '../../../ts/index.js';
import { key } from '../../data.js';
import { storeIn } from '../server.js';
import { type Given, timed } from './place.js';

export interface FreshGiven extends Given {
  keys: number;
  rounds: number;
}

/** Milliseconds to the first read, a round each, from the call of `open` in a process that has talked to the store. */
export interface Fresh {
  fresh: number[];
  again: number[];
}

export async function fresh(given: FreshGiven): Promise<Fresh> {
  const store = storeIn(given, given.prefix);
  await store.head('db.json');
  const firstRead = () =>
    timed(async () => {
      const db = await open(given.folder, { store });
      if ((await db.get(key(given.keys >> 1))) === undefined) throw new Error('a key is missing');
      closing = () => db.close();
    });
  let closing: () => Promise<unknown> = async () => undefined;
  const figures: Fresh = { fresh: [], again: [] };
  for (let round = 0; round < given.rounds; round++) {
    rmSync(given.folder, { recursive: true, force: true });
    for (const kind of ['fresh', 'again'] as const) {
      figures[kind].push(await firstRead());
      await closing();
    }
  }
  return figures;
}
