/**
 * The two databases of Level that are measured, each by the class that its package has for it.
 *
 * @module
 */
import { CoppiceLevel } from '../../ts/level/index.js';
import { peer } from '../engines/engine.js';

/** Keys are text, values bytes, unless a call says otherwise. */
export type Level = CoppiceLevel<string, Buffer>;
type LevelClass = new (location: string, options: object) => Level;

export const OURS = 'coppice/level';
export const PEER = 'classic-level';

const ENCODINGS = { keyEncoding: 'utf8', valueEncoding: 'buffer' };
const CACHE_BYTES = 160 * 2 ** 20;
const MEMTABLE_BYTES = 16 * 2 ** 20;

/** Opens a folder with as much cache and memtable as the other one gets: none waits for the disk. */
export async function openLevel(name: string, folder: string): Promise<Level> {
  const db = await (name === OURS ? ours(folder) : classic(folder));
  await db.open();
  return db;
}

function ours(folder: string): Level {
  // The option counts all memtables, LevelDB's one of the two that it keeps at least.
  const memtableBytes = 2 * MEMTABLE_BYTES;
  const memory = { cacheBytes: CACHE_BYTES, memtableBytes, memoryBytes: CACHE_BYTES + memtableBytes };
  return new CoppiceLevel<string, Buffer>(folder, { ...ENCODINGS, ...memory });
}

async function classic(folder: string): Promise<Level> {
  const { ClassicLevel } = (await peer('classic-level')) as { ClassicLevel: LevelClass };
  return new ClassicLevel(folder, { ...ENCODINGS, cacheSize: CACHE_BYTES, writeBufferSize: MEMTABLE_BYTES });
}
