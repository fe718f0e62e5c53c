import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import type { Decoded, KeyEncoding, ValueEncoding } from '../../ts/index.js';
import { type Database, type OpenOptions, open } from '../../ts/index.js';

/** A folder that is removed when the test ends. */
export async function temporaryFolder(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'coppice-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** An empty database in a folder of its own; closed and removed when the test ends. */
export async function temporaryDatabase<const K extends KeyEncoding = 'utf8', const V extends ValueEncoding = 'utf8'>(
  t: ExecutionContext,
  options: OpenOptions<K, V> = {},
): Promise<Database<Decoded<K>, Decoded<V>>> {
  const folder = await temporaryFolder(t);
  const db = await open(join(folder, 'db'), { durability: 'process', ...options });
  t.teardown(() => db.close());
  return db;
}

/** Writes keys, each with its upper case as value, as one commit. */
export async function fill(db: Database<string, string>, keys: readonly string[]): Promise<void> {
  await db.batch(keys.map((key) => ({ type: 'put', key, value: key.toUpperCase() })));
}
