/**
 * Reads what a killed writer has left, every byte of it, and then once more after a flush, a compaction and a restart.
 *
 * `node --expose-gc --import=tsx reader.ts FOLDER SEED WHAT WHOLE`; prints `read BYTES MEMORY`, as `writer.ts` does,
 * not counting the value in hand. `WHOLE`: 1 if all was acknowledged.
 *
 * @module
 */

import { strict as assert } from 'node:assert';
import { readdir } from 'node:fs/promises';
import { open } from '../../../ts/index.js';
import { MEMORY_BYTES, type What, work } from './work.js';

const [path, seed, what, whole] = process.argv.slice(2) as [string, string, What, string];
const { read, valueBytes } = work(what, Number(seed));
globalThis.gc?.();
const before = process.memoryUsage().rss;
let bytes = 0;
for (const round of [1, 2]) {
  const db = await open(path, { valueEncoding: 'buffer', memoryBytes: MEMORY_BYTES });
  bytes += await read(db, whole === '1');
  if (round === 1) {
    await db.compact();
    const report = await db.verify();
    assert.deepEqual(report.problems, []);
  }
  const files = (await readdir(path)).filter((name) => name.endsWith('.blob')).length;
  assert.equal(files, db.stats().blobs.files, 'files that nobody needs');
  await db.close();
}
console.log(`read ${bytes} ${process.resourceUsage().maxRSS * 1_024 - before - (bytes > 0 ? valueBytes : 0)}`);
