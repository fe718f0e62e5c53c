/**
 * Every kind of call at once, from several threads on one engine: writes small and over 1 MiB, of which some are given up
 * at any moment and by anybody, listeners that write and abort, ranges and snapshots that are closed, exhausted or left,
 * flushes, compactions, verifies, and in the middle of it `close`. Each thread counts its calls and how often they settle;
 * the counts must agree. Then the folder is opened again and each key must hold what its thread's writes, those that were
 * applied, come to in the order of their calls; nothing else may be there, in the database or in its folder.
 *
 * `COPPICE_ROUNDS=3 COPPICE_SEED=1 node --expose-gc --import=tsx rounds.ts`; prints a line `figures: {...}`. Exits with 1 if
 * anything is not as it should be.
 *
 * @module
 */

import { strict as assert } from 'node:assert';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { open } from '../../../dist/index.js';
import { census } from '../../../dist/native/index.js';
import { seedOfRun, splitMix32 } from '../../support/random.js';

const THREADS = 3;
const USE_MS = 1_000;
/** A call that has not settled by then never will. */
const SETTLE_MS_MAX = 120_000;
const OPTIONS = {
  memoryBytes: 16 << 20,
  memtableBytes: 1 << 20,
  durability: 'process',
  valueEncoding: 'buffer',
} as const;

/** What a thread tells at its end. */
interface Told {
  calls: number;
  settled: number;
  outcomes: Record<string, number>;
  /** The number of the value of each of its keys. */
  expected: Map<string, number>;
}

const { checkValue } = (await import(new URL('values.mjs', import.meta.url).href)) as {
  checkValue(value: Buffer): number;
};
const rounds = Number(process.env.COPPICE_ROUNDS ?? 3);
const seed = seedOfRun();
const random = splitMix32(seed);
const figures: Record<string, number> = { rounds: 0, calls: 0, settled: 0, keys: 0 };

console.log(`seed ${seed}`);
for (let n = 0; n < rounds; n++) await round();
console.log(`figures: ${JSON.stringify(figures)}`);

async function round(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'coppice-together-'));
  const path = join(folder, 'db');
  const threads = Array.from({ length: THREADS }, (_, slot) =>
    use({ path, options: OPTIONS, slot, seed: random(2 ** 31) }),
  );
  const told = await Promise.all([...threads, come(path, Promise.allSettled(threads))]);
  const expected = new Map<string, number>();
  for (const { calls, settled, outcomes, expected: own } of told.filter((one) => one !== undefined)) {
    assert.equal(settled, calls);
    add({ calls, settled, ...outcomes });
    for (const [key, number] of own) expected.set(key, number);
  }
  await checkFolder(path, expected);
  add({ rounds: 1, keys: expected.size });
  assert.deepEqual(census(), { engines: 0, tasks: 0, databases: 0, ranges: 0, snapshots: 0 });
  await rm(folder, { recursive: true });
}

/** One thread, to its end. */
async function use(data: { slot: number; [name: string]: unknown }): Promise<Told> {
  const workerData = { ...data, useMs: USE_MS };
  const worker = new Worker(new URL('worker.mjs', import.meta.url), { workerData, execArgv: [] });
  let told: Told | undefined;
  worker.on('message', (message: Told) => {
    told = message;
  });
  const late = setTimeout(() => {
    console.error(`thread ${data.slot} hangs, seed ${seed}: ${JSON.stringify(census())}`);
    process.exit(1);
  }, SETTLE_MS_MAX);
  const code = await new Promise((resolve, reject) => {
    worker.on('error', reject);
    worker.on('exit', resolve);
  });
  clearTimeout(late);
  assert.equal(code, 0);
  assert(told !== undefined, 'a thread ended without a word');
  return told;
}

/** The main thread's own handles on the engine, which come and go until the others are gone. */
async function come(path: string, others: Promise<unknown>): Promise<undefined> {
  let gone = false;
  others.then(() => {
    gone = true;
  });
  while (!gone) {
    const db = await open(path, OPTIONS);
    db.snapshot();
    db.keys({ batchSize: 1 })[Symbol.iterator]().next();
    const work = [db.flush(), db.compact(), db.count(), db.entries().toArray()];
    await Promise.race(work);
    await db.close();
    for (const done of await Promise.allSettled(work))
      assert(done.status === 'fulfilled' || done.reason.code === 'COPPICE_CLOSED', `${done}`);
  }
}

/** Opened again, the database holds what is expected, and its folder nothing that it does not need. */
async function checkFolder(path: string, expected: ReadonlyMap<string, number>): Promise<void> {
  const db = await open(path, OPTIONS);
  const found = new Map<string, number>();
  for await (const [key, value] of db.entries()) found.set(key, checkValue(value));
  assert.deepEqual(found, new Map([...expected].sort()));
  await db.flush();
  const blobs = (await readdir(path)).filter((name) => name.endsWith('.blob')).length;
  assert.equal(blobs, db.stats().blobs.files);
  assert.deepEqual((await db.verify()).problems, []);
  await db.close();
}

function add(more: Record<string, number>): void {
  for (const [name, count] of Object.entries(more)) figures[name] = (figures[name] ?? 0) + count;
}
