/**
 * The two engines that are measured, behind the few calls that both have.
 *
 * @module
 */

import { MemoryLevel } from 'memory-level';
import { open } from '../index.js';
import type { Meaning } from './dictionary.js';

export interface Contender {
  write(puts: { type: 'put'; key: string; value: Meaning }[]): Promise<unknown>;
  get(key: string): Promise<Meaning | undefined>;
  /** Reads up to so many rows from a key on; answers how many there were. */
  page(from: string, limit: number): Promise<number>;
  /** Reads every row, one at a time; answers how many there were. */
  scan(): Promise<number>;
  close(): Promise<void>;
}

/** With every default: commits are synced, values compressed, memory bounded. */
export async function coppice(folder: string): Promise<Contender> {
  const db = await open<string, Meaning>(folder, { valueEncoding: 'json' });
  return {
    write: (puts) => db.batch(puts),
    get: (key) => db.get(key),
    page: async (gte, limit) => (await db.entries({ gte, limit }).toArray()).length,
    scan: () => exhaust(db.entries()),
    close: async () => {
      await db.close();
    },
  };
}

export async function memoryLevel(): Promise<Contender> {
  const db = new MemoryLevel<string, Meaning>({ valueEncoding: 'json', storeEncoding: 'utf8' });
  await db.open();
  return {
    write: (puts) => db.batch(puts),
    get: (key) => db.get(key),
    page: async (gte, limit) => (await db.iterator({ gte, limit }).all()).length,
    scan: () => exhaust(db.iterator()),
    close: () => db.close(),
  };
}

async function exhaust(rows: AsyncIterable<[string, Meaning]>): Promise<number> {
  let found = 0;
  for await (const [key, value] of rows) if (key !== '' && value.word !== '') found++;
  return found;
}
