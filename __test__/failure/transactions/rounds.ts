/**
 * Rounds of transactions from 32 lanes on 4 threads over 45 keys. What they have read must have an order in which they ran one after
 * the other; at the isolation `snapshot`, by which it is not promised, the same checker must find where there is none. Each round also kills
 * a writer (SIGKILL) in the middle of its transfers: what is left is whole transfers, all that were acknowledged included.
 *
 * `COPPICE_ROUNDS=5 COPPICE_SEED=1 node --import=tsx rounds.ts`; prints a line `figures: {...}`. Exits with 1 if anything is
 * not as it should be.
 *
 * @module
 */

import { strict as assert } from 'node:assert';
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { open } from '../../../dist/index.js';
import { eachLine } from '../../support/lines.js';
import { seedOfRun, splitMix32 } from '../../support/random.js';
import { check, type Done, type Verdict } from './checker.js';
import { ACCOUNTS, accountOf, BALANCE, type Transfer, transferOf } from './transfers.js';

const THREADS = 4;
const LANES = 8;
const LISTS = 25;
const TRANSACTIONS = Number(process.env.COPPICE_TRANSACTIONS ?? 2_000);
const KILL_MS_MIN = 20;
const KILL_MS_MAX = 400;

type Isolation = 'serializable' | 'snapshot';

const rounds = Number(process.env.COPPICE_ROUNDS ?? 5);
const seed = seedOfRun();
const random = splitMix32(seed);
const figures = {
  transactions: 0,
  attempts: 0,
  conflicts: 0,
  edges: 0,
  'cycles at snapshot': 0,
  kills: 0,
  'transfers acknowledged': 0,
  'transfers kept': 0,
};

console.log(`seed ${seed}`);
const folder = await mkdtemp(join(tmpdir(), 'coppice-transactions-'));
for (let n = 0; n < rounds; n++) await serializable(n);
assert(figures.conflicts >= figures.attempts / 5, `only ${figures.conflicts} of ${figures.attempts} attempts lost`);
await skewed();
for (let n = 0, first = 0; n < rounds; n++) first = await killed(first, n % 2 === 0 ? 'process' : 'disk');
await rm(folder, { recursive: true });
console.log(`figures: ${JSON.stringify(figures)}`);

async function serializable(n: number): Promise<void> {
  const { verdict, attempts } = await play(`round${n}`, 'serializable');
  assert.deepEqual(verdict, { anomalies: [], cycles: [], edges: verdict.edges });
  figures.transactions += TRANSACTIONS;
  figures.attempts += attempts;
  figures.conflicts += attempts - TRANSACTIONS;
  figures.edges += verdict.edges;
  console.log(`round ${n}: ${attempts} attempts, ${verdict.edges} edges, no cycle`);
}

/** With less isolation there is write skew, and nothing worse: each cycle has two reads in a row that the other's write came after. */
async function skewed(): Promise<void> {
  const { verdict } = await play('skewed', 'snapshot');
  assert.deepEqual(verdict.anomalies, []);
  for (const cycle of verdict.cycles) {
    const isSkew = cycle.some((kind, i) => kind === 'rw' && cycle[(i + 1) % cycle.length] === 'rw');
    assert(isSkew, `a cycle of ${cycle.join(' ')}`);
  }
  assert(verdict.cycles.length > 0, 'the checker finds no write skew where nothing prevents it');
  figures['cycles at snapshot'] += verdict.cycles.length;
  console.log(`at snapshot isolation: ${verdict.cycles.length} cycles, such as ${verdict.cycles[0]?.join(' ')}`);
}

async function play(name: string, isolation: Isolation): Promise<{ verdict: Verdict; attempts: number }> {
  const path = join(folder, name);
  const db = await open(path, { durability: 'process', valueEncoding: 'json' });
  await endow(db);
  const data = { path, lanes: LANES, transactions: TRANSACTIONS / THREADS, isolation };
  const told = await Promise.all(
    Array.from({ length: THREADS }, (_, slot) => {
      return thread({ ...data, slot, seed: random(2 ** 31), LISTS, ACCOUNTS, TOTAL: ACCOUNTS * BALANCE });
    }),
  );
  const lists = new Map<number, number[]>();
  for await (const [key, elements] of db.entries({ prefix: 'list/' })) {
    lists.set(Number(key.slice('list/'.length)), elements as number[]);
  }
  assert.equal(await sum(db), ACCOUNTS * BALANCE);
  await db.close();
  const done = told.flatMap(({ told }) => told);
  assert.equal(done.length, TRANSACTIONS);
  return { verdict: check(done, lists), attempts: told.reduce((all, { attempts }) => all + attempts, 0) };
}

async function thread(workerData: object): Promise<{ told: Done[]; attempts: number }> {
  const worker = new Worker(new URL('worker.mjs', import.meta.url), { workerData, execArgv: [] });
  return new Promise((resolve, reject) => {
    worker.on('message', resolve);
    worker.on('error', reject);
    worker.on('exit', () => reject(new Error('a thread ended without a word')));
  });
}

type Bank = Awaited<ReturnType<typeof bank>>;

function bank(path: string) {
  return open(path, { valueEncoding: 'json' });
}

async function endow(db: Bank): Promise<void> {
  await db.batch(Array.from({ length: ACCOUNTS }, (_, i) => ({ type: 'put', key: accountOf(i), value: BALANCE })));
}

async function sum(db: Bank): Promise<number> {
  let sum = 0;
  for await (const balance of db.values({ prefix: 'account/' })) sum += Number(balance);
  return sum;
}

/** Kills a writer after a while and checks what is left; answers the number of the transfer to go on with. */
async function killed(first: number, durability: string): Promise<number> {
  const path = join(folder, 'killed');
  const before = await bank(path);
  if (first === 0) await endow(before);
  await before.close();
  const acknowledged = await writeAndKill(path, first, durability);
  const db = await bank(path);
  const transfers = db.sublevel<string, Transfer>('transfers', { valueEncoding: 'json' });
  const balances = new Map(Array.from({ length: ACCOUNTS }, (_, i) => [accountOf(i), BALANCE]));
  let kept = 0;
  for await (const { from, to, moved } of transfers.values()) {
    balances.set(from, (balances.get(from) as number) - moved);
    balances.set(to, (balances.get(to) as number) + moved);
    kept++;
  }
  for (const number of acknowledged) assert(await transfers.has(transferOf(number)), `transfer ${number} is lost`);
  const found = new Map((await db.entries({ prefix: 'account/' }).toArray()) as [string, number][]);
  assert.deepEqual(found, balances, 'a transfer is there in part');
  const last = await transfers.keys({ reverse: true, limit: 1 }).first();
  await db.close();
  figures.kills++;
  figures['transfers acknowledged'] += acknowledged.length;
  figures['transfers kept'] = kept;
  return Number(last ?? first) + 1_000;
}

async function writeAndKill(path: string, first: number, durability: string): Promise<number[]> {
  const writer = fileURLToPath(new URL('writer.ts', import.meta.url));
  const parameters = ['--import=tsx', writer, path, String(first), durability];
  const child = spawn(process.execPath, parameters, { stdio: ['ignore', 'pipe', 'inherit'] });
  const acknowledged: number[] = [];
  eachLine(child.stdout, ([word, number]) => {
    if (word === 'acknowledged') acknowledged.push(Number(number));
    else delay(KILL_MS_MIN + random(KILL_MS_MAX - KILL_MS_MIN)).then(() => child.kill('SIGKILL'));
  });
  const signal = await new Promise((resolve) => child.on('close', (_, signal) => resolve(signal)));
  assert.equal(signal, 'SIGKILL', 'the writer ended by itself');
  return acknowledged;
}
