/**
 * The writer that is killed: writes operations one after another, many in flight, until it is. What it has to say goes
 * to standard output as a line of its own at once, so that it is outside the process before anything else happens:
 * `open REVISION`, `acknowledged OPERATIONS`, `begin WORK`, `end WORK`.
 *
 * `node --import=tsx writer.ts FOLDER SEED FIRST_OPERATION DURABILITY`
 *
 * @module
 */

import { writeSync } from 'node:fs';
import { type Durability, open } from '../../../ts/index.js';
import { operation } from './operations.js';

/** Commits in flight. */
const WAVE = 256;

const [path, seed, first, durability] = process.argv.slice(2) as [string, string, string, Durability];
// Small memtables are often full: flushes and compactions take turns without a pause.
const db = await open(path, { durability, memoryBytes: 16 << 20, memtableBytes: 2 << 20 });
tell(`open ${db.revision}`);
db.on('background', ({ work, phase }) => tell(`${phase} ${work}`));

for (let i = Number(first); ; ) {
  const wave: Promise<unknown>[] = [];
  for (const end = i + WAVE; i < end; i++) wave.push(write(i));
  await Promise.all(wave);
  tell(`acknowledged ${i}`);
  // Lets events through.
  await new Promise((resolve) => setImmediate(resolve));
}

function write(i: number): Promise<unknown> {
  const ops = operation(Number(seed), i);
  const [op] = ops;
  if (ops.length > 1 || op === undefined) return db.batch(ops);
  if (op.type === 'delRange') return db.delRange({ gte: op.gte, lt: op.lt });
  return op.type === 'put' ? db.put(op.key, op.value) : db.del(op.key);
}

function tell(line: string): void {
  writeSync(1, `${line}\n`);
}
