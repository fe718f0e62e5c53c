/**
 * Writes what is large, says so, and then waits to be killed.
 *
 * `node --expose-gc --import=tsx writer.ts FOLDER SEED WHAT`; what it prints: `begun` when it begins to write, `written
 * BYTES MEMORY` when all is acknowledged as durable, with what it has written and the bytes of memory that this took at
 * most, beyond what this program holds itself.
 *
 * @module
 */

import { strict as assert } from 'node:assert';
import { writeSync } from 'node:fs';
import { open } from '../../../ts/index.js';
import { MEMORY_BYTES, type What, work } from './work.js';

const [path, seed, what] = process.argv.slice(2) as [string, string, What];
const db = await open(path, { durability: 'disk', valueEncoding: 'buffer', memoryBytes: MEMORY_BYTES });
const { write, batchBytes } = work(what, Number(seed));
globalThis.gc?.();
const before = process.memoryUsage().rss;
writeSync(1, 'begun\n');
const bytes = await write(db);
assert(db.stats().queuedWrites === 0);
writeSync(1, `written ${bytes} ${process.resourceUsage().maxRSS * 1_024 - before - batchBytes}\n`);
setInterval(() => {}, 2 ** 30);
