/**
 * Rounds of worker threads that open, use and leave databases: each ends with calls in flight, in one of several ways,
 * while the main thread uses one of the databases too. What the process holds after the last round is compared with what
 * it held after an early one. Exits with 1 if anything is not as it should be.
 *
 * `COPPICE_ROUNDS=200 COPPICE_SEED=1 node --expose-gc --import=tsx rounds.ts`; prints a line `figures: {...}`. Memory is to
 * be judged with `MALLOC_ARENA_MAX=1 MALLOC_TRIM_THRESHOLD_=65536`: glibc gives each of so many threads an arena, some of
 * which fill only after a hundred rounds.
 *
 * @module
 */

import { strict as assert } from 'node:assert';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { type Database, open } from '../../../dist/index.js';
import { census } from '../../../dist/native/index.js';
import { seedOfRun } from '../../support/random.js';

const WORKERS = 4;
/** The round after which everything that is made once has been made. */
const SETTLED_ROUND = 20;
const SETTLE_MS_MAX = 30_000;
const ROUND_MS_MAX = 60_000;
const USE_MS_MAX = 60;
/** What resident memory may grow by from the settled round on: V8 grows its heap in steps. Ten kilobytes a worker is more. */
const GROWTH_BYTES_MAX = 12 << 20;

/** How a worker ends; most are terminated from outside. */
const ENDS = ['terminated', 'terminated', 'terminated', 'terminated', 'exits', 'throws', 'returns', 'closes'] as const;
type End = (typeof ENDS)[number];

interface Held {
  engines: number;
  files: number;
  threads: number;
  rssBytes: number;
}

const OPTIONS = { memoryBytes: 16 << 20, memtableBytes: 1 << 20, durability: 'process' } as const;
const rounds = Number(process.env.COPPICE_ROUNDS ?? 200);
const seed = seedOfRun();
let state = seed >>> 0;
const ended = new Map<End, number>();

console.log(`seed ${seed}`);
const folder = await mkdtemp(join(tmpdir(), 'coppice-workers-'));
try {
  await run();
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function run(): Promise<void> {
  const shared = join(folder, 'shared');
  let early: Held | undefined;
  for (let round = 1; round <= rounds; round++) {
    const db = await open(shared, OPTIONS);
    await inTime(playRound(db, shared, round), round);
    await db.close();
    await settle(0);
    if (round === Math.min(SETTLED_ROUND, Math.ceil(rounds / 2))) early = await held();
    if (round % 10 === 0) console.log(`round ${round}: ${JSON.stringify(await held())}`);
  }
  const late = await held();
  assert(early !== undefined);
  assert.equal(late.engines, 0);
  assert.equal(late.files, early.files, 'open files grew');
  assert(late.threads <= early.threads, `threads grew from ${early.threads} to ${late.threads}`);
  assert(late.rssBytes <= early.rssBytes + GROWTH_BYTES_MAX, `memory grew from ${early.rssBytes} to ${late.rssBytes}`);
  const figures = { rounds, workers: rounds * WORKERS, ...Object.fromEntries(ended), ...late };
  const earlier = Object.entries(early).map(([name, count]) => [`${name} early`, count]);
  console.log(`figures: ${JSON.stringify({ ...figures, ...Object.fromEntries(earlier) })}`);
}

async function playRound(db: Database<string, string>, shared: string, round: number): Promise<void> {
  const acknowledged = new SharedArrayBuffer(4 * WORKERS);
  await clear(db);
  const workers = Array.from({ length: WORKERS }, (_, slot) => {
    // The last has a folder of its own, which an earlier worker may still be closing.
    const path = slot === WORKERS - 1 ? join(folder, `own-${round % 3}`) : shared;
    const end = ENDS[random(ENDS.length)] as End;
    return useAndLeave({ path, options: OPTIONS, slot, seed: random(2 ** 32), end, acknowledged });
  });
  const using = use(db, Promise.all(workers));
  await Promise.all(workers);
  await using;
  // What ended has let go of the shared engine, and of its own altogether.
  await settle(1);
  for (let slot = 0; slot < WORKERS - 1; slot++) checkWrites(db, slot, new Int32Array(acknowledged)[slot] as number);
  assert.equal(census().snapshots, 0);
  assert.equal(db.stats().snapshots, 0, 'a snapshot of an ended worker is still open');
}

/** A round that hangs is a failure that says so. */
async function inTime(playing: Promise<void>, round: number): Promise<void> {
  const late = setTimeout(() => {
    console.error(`round ${round} hangs: ${JSON.stringify(census())}`);
    process.exit(1);
  }, ROUND_MS_MAX);
  await playing;
  clearTimeout(late);
}

/** Runs one worker to its end; fails if it reports a failure or ends otherwise than it was told. */
async function useAndLeave(data: { end: End; [name: string]: unknown }): Promise<void> {
  const { end } = data;
  const worker = new Worker(new URL('worker.mjs', import.meta.url), { workerData: data, execArgv: [] });
  let failure: unknown;
  const code = await new Promise<number>((resolve) => {
    worker.on('message', async (message: 'busy' | { failed: string }) => {
      if (message !== 'busy') failure ??= message.failed;
      else if (end === 'terminated') {
        await delay(random(USE_MS_MAX));
        await worker.terminate();
      }
    });
    worker.on('error', (error) => {
      if (error.message !== 'thrown on purpose') failure ??= error;
    });
    worker.on('exit', resolve);
  });
  assert.equal(failure, undefined, `a worker that ${end} failed: ${failure}`);
  assert.equal(code, end === 'terminated' || end === 'throws' ? 1 : 0, `exit code of a worker that ${end}`);
  ended.set(end, (ended.get(end) ?? 0) + 1);
}

/** The main thread's own use of the shared engine, until the workers are gone. */
async function use(db: Database<string, string>, workers: Promise<unknown>): Promise<void> {
  let gone = false;
  workers.finally(() => {
    gone = true;
  });
  for (let n = 0; !gone; n++) {
    await db.put(`m/${n % 100}`, `${n}`, { durability: n % 10 === 0 ? 'disk' : 'process' });
    if (n % 100 === 99) await db.flush();
    assert.equal(await db.get(`m/${n % 100}`), `${n}`);
    await delay(1);
  }
}

/** Every key up to the acknowledged one is there, and those after it have no gap. */
function checkWrites(db: Database<string, string>, slot: number, acknowledged: number): void {
  const keys = db.keys({ prefix: `w/${slot}/` }).toArraySync();
  assert(keys.length >= acknowledged, `slot ${slot}: ${acknowledged} acknowledged, ${keys.length} there`);
  keys.forEach((key, at) => {
    assert.equal(Number(key.split('/')[2]), at + 1);
  });
}

async function clear(db: Database<string, string>): Promise<void> {
  const keys = await db.keys().toArray();
  await db.batch(keys.map((key) => ({ type: 'del', key })));
}

/**
 * Waits until so many engines, no tasks, and without engines no threads of the addon are left: what a worker had open
 * closes on threads of its own.
 */
async function settle(engines: number): Promise<void> {
  const deadline = Date.now() + SETTLE_MS_MAX;
  for (;;) {
    const now = census();
    const threads = engines === 0 ? await addonThreads() : [];
    if (now.engines === engines && now.tasks === 0 && threads.length === 0) return;
    assert(Date.now() < deadline, `still held: ${JSON.stringify(now)} ${threads}, wanted ${engines} engines`);
    await delay(1);
  }
}

async function addonThreads(): Promise<string[]> {
  const names: string[] = [];
  for (const thread of await readdir('/proc/self/task')) {
    // One that ended meanwhile has no name.
    const name = await readFile(`/proc/self/task/${thread}/comm`, 'utf8').catch(() => '');
    if (name.startsWith('coppice')) names.push(name.trim());
  }
  return names;
}

async function held(): Promise<Held> {
  const collect = (globalThis as { gc?: () => void }).gc;
  assert(collect !== undefined, 'needs --expose-gc');
  for (let turns = 0; turns < 3; turns++) {
    collect();
    await delay(10);
  }
  // Reading the folder opens it.
  const count = async (path: string) => (await readdir(path)).length;
  return {
    engines: census().engines,
    files: await count('/proc/self/fd'),
    threads: await count('/proc/self/task'),
    rssBytes: process.memoryUsage.rss(),
  };
}

function random(below: number): number {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
}
