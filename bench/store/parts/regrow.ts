/**
 * A database grows back on an empty disk; and, to compare, a client that fetches, writes and syncs the same objects and
 * looks at nothing.
 *
 * @module
 */
import { mkdirSync } from 'node:fs';
import { open as openFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ObjectStore, open } from '../../../ts/index.js';
import { decodeHead } from '../../../ts/repository/formats/index.js';
import { headName, manifestName, tableName } from '../../../ts/repository/protocol/index.js';
import { Budget } from '../../../ts/repository/shell/budget.js';
import { key } from '../../data.js';
import { storeIn } from '../server.js';
import { BY_HAND, type Given, manifestOf, memory, timed } from './place.js';

export interface RegrowGiven extends Given {
  keys: number;
}

export interface Regrown {
  ms: number;
  bytes: number;
  tables: number;
  /** MiB that the process took at most, above what it took before. */
  memory: number;
}

export async function regrow(given: RegrowGiven): Promise<Regrown> {
  const store = storeIn(given, given.prefix);
  const objects = await objectsOf(store);
  const before = memory('VmRSS');
  const began = performance.now();
  const db = await open(given.folder, { store, valueEncoding: 'buffer', checkpoint: BY_HAND });
  const found = await db.get(key(given.keys >> 1));
  const ms = performance.now() - began;
  const took = memory('VmHWM') - before;
  if (found === undefined) throw new Error('a key is missing');
  await db.close();
  return { ms, ...sizeOf(objects), memory: took };
}

/** Without anything of a database: so many bytes through the same client, at once and in all as many as Coppice has. */
export async function plain(given: RegrowGiven): Promise<Regrown> {
  const store = storeIn(given, given.prefix);
  const objects = await objectsOf(store);
  const before = memory('VmRSS');
  mkdirSync(given.folder);
  const budget = new Budget();
  const fetched = async (key: string, name: string): Promise<void> => {
    const found = await store.get(key);
    const file = await openFile(join(given.folder, name), 'w');
    await file.writeFile(found!.body);
    await file.sync();
    await file.close();
  };
  const ms = await timed(async () => {
    await Promise.all(objects.map(({ key, bytes }, i) => budget.take(bytes, () => fetched(key, `${i}.table`))));
    const folder = await openFile(given.folder, 'r');
    await folder.sync();
    await folder.close();
  });
  return { ms, ...sizeOf(objects), memory: memory('VmHWM') - before };
}

/** The tables of the newest checkpoint. The process has talked to the store when it knows them. */
async function objectsOf(store: ObjectStore): Promise<{ key: string; bytes: number }[]> {
  const at = headName('main');
  const head = decodeHead(at, (await store.get(at))!.body);
  const { tables } = await manifestOf(store, `${store.location}/${manifestName(head.branchId, head.manifest!)}`);
  return tables.map((table) => ({ key: tableName(table), bytes: (table as typeof table & { bytes: number }).bytes }));
}

function sizeOf(objects: { bytes: number }[]): { bytes: number; tables: number } {
  return { bytes: objects.reduce((sum, { bytes }) => sum + bytes, 0), tables: objects.length };
}
