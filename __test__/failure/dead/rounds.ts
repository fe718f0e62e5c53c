/**
 * What dead keys cost: a queue that is put to at its tail and deleted from at its head, and ranges over keys that are
 * deleted or expired. `COPPICE_ROUNDS` of 1,000 keys each; `npm run prove -- dead` has a million.
 *
 * Prints what it counted as a line of figures. Fails where rows are wrong and, with as many keys as the proof has, where a
 * limit that the project promises is not kept: a shorter run is too short to be timed.
 *
 * @module
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Database, type Op, open } from '../../../ts/index.js';

type Keys = Database<string, string>;

const PROOF_KEYS = 1_000_000;
const KEYS = Number(process.env.COPPICE_ROUNDS ?? '20') * 1_000;
/** Parts of a queue's life that are compared. */
const PARTS = 10;
/** Keys that wait in a queue that is kept short. */
const WAITING = 1_000;
const BATCH = 1_000;
const MS_MAX = 5;
const PAGES_PERCENT_MAX = 1;
const RATIO_MIN = 0.8;
/** How long after the last key has died a first range comes: compaction has nothing else to do meanwhile. */
const REST_MS = KEYS < PROOF_KEYS ? 1_000 : 15_000;
/** Long enough to load all keys and read them once. */
const LIFE_MS = KEYS < PROOF_KEYS ? 5_000 : 90_000;

const folder = await mkdtemp(join(tmpdir(), 'coppice-dead-'));
const figures: Record<string, number> = {};
const broken: string[] = [];
try {
  await queue('short queue', WAITING);
  await queue('long queue', KEYS);
  await range('deleted one by one', async (db) => {
    await each(db, (key) => ({ type: 'del', key }));
  });
  await range('deleted as a range', (db) => db.delRange({ prefix: 'k' }));
  await range('expired', undefined);
  await rest('deleted one by one, at rest', (key) => ({ type: 'del', key }));
  await rest('expired, at rest', undefined);
} finally {
  await rm(folder, { recursive: true, force: true });
}
console.log(`figures: ${JSON.stringify(figures)}`);
for (const line of broken) console.error(line);
process.exitCode = broken.length === 0 ? 0 : 1;

/** Puts and takes `KEYS` items, of which `waiting` are in the queue at any time, or as many as there are left. */
async function queue(name: string, waiting: number): Promise<void> {
  const db = await open(join(folder, name), { durability: 'process' });
  let put = 0;
  const costs: { ms: number; processorMs: number }[] = [];
  while (put < waiting) put = await append(db, put, Math.min(BATCH, waiting - put));
  for (let part = 0; part < PARTS; part++) {
    const began = { ms: performance.now(), processorMs: processorMs() };
    for (let taken = 0; taken < KEYS / PARTS; taken++) {
      if (put < KEYS) void db.put(keyOf(put), `item ${put++}`);
      const [first] = db.keys({ limit: 1 }).toArraySync();
      const done = db.del(first as string);
      // Lets events through, and waits for the log now and then as a program would.
      if (taken % 100 === 0) await done;
    }
    costs.push({ ms: performance.now() - began.ms, processorMs: processorMs() - began.processorMs });
  }
  const left = db.keys({ limit: 1 }).toArraySync().length;
  if (left > 0) broken.push(`${name}: not all was taken`);
  await db.close();
  const [first, last] = [costs[0] as (typeof costs)[0], costs[PARTS - 1] as (typeof costs)[0]];
  const [ratio, processorRatio] = [first.ms / last.ms, first.processorMs / last.processorMs];
  const perSecond = (ms: number) => (KEYS / PARTS / ms) * 1_000;
  note(name, {
    'takes a second, first tenth': perSecond(first.ms),
    'takes a second, last tenth': perSecond(last.ms),
    ratio,
    'ratio by processor time': processorRatio,
  });
  // On a machine that others use too, processor time tells what the queue itself takes.
  if (Math.max(ratio, processorRatio) < RATIO_MIN && KEYS >= PROOF_KEYS) {
    broken.push(`${name}: the last tenth runs at ${ratio} of the first`);
  }
}

/** Of all threads of this process. */
function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

async function append(db: Keys, from: number, count: number): Promise<number> {
  const ops = Array.from({ length: count }, (_, i) => {
    return { type: 'put', key: keyOf(from + i), value: `item ${from + i}` } as const;
  });
  await db.batch(ops);
  return from + count;
}

/** A range over keys that are dead, once and then again. Without `kill` they expire. */
async function range(name: string, kill: ((db: Keys) => Promise<unknown>) | undefined): Promise<void> {
  const db = await open(join(folder, name), { durability: 'process' });
  // A snapshot keeps compaction from removing what the range is to find dead.
  const expiresAt = kill === undefined ? new Date(Date.now() + LIFE_MS) : undefined;
  await each(db, (key) => {
    const put = { type: 'put', key, value: `the value of ${key}` } as const;
    return expiresAt === undefined ? put : { ...put, expiresAt };
  });
  await db.put('last', 'alive');
  await db.compact();
  const whole = await measure(db);
  const snapshot = db.snapshot();
  await kill?.(db);
  await db.flush();
  if (expiresAt !== undefined) await delay(expiresAt.getTime() - Date.now() + 5);
  const first = await measure(db);
  // Several times: one of them may be held up by something else.
  const more = await Promise.all(Array.from({ length: 5 }, () => measure(db)));
  const second = more.sort((a, b) => a.ms - b.ms)[2] as (typeof more)[0];
  snapshot.close();
  await db.close();
  const percent = (second.pages / whole.pages) * 100;
  note(name, {
    'pages alive': whole.pages,
    'pages, first': first.pages,
    'ms, first': first.ms,
    'pages, later (median)': second.pages,
    'ms, later (median)': second.ms,
  });
  if (whole.rows !== KEYS + 1 || first.rows !== 1 || second.rows !== 1) broken.push(`${name}: wrong rows`);
  if (percent > PAGES_PERCENT_MAX && KEYS >= PROOF_KEYS) broken.push(`${name}: ${percent}% of the pages were opened`);
  if (second.ms > MS_MAX && KEYS >= PROOF_KEYS) broken.push(`${name}: a later range took ${second.ms} ms`);
}

/** The first range over keys that died a while ago, which nobody has called for since. Without `op` they expire. */
async function rest(name: string, op: ((key: string) => Op<string, string>) | undefined): Promise<void> {
  const db = await open(join(folder, name), { durability: 'process' });
  const expiresAt = new Date(Date.now() + (op === undefined ? LIFE_MS : 1e10));
  await each(db, (key) => ({ type: 'put', key, value: `the value of ${key}`, expiresAt }));
  await db.put('last', 'alive');
  await db.compact();
  const whole = await measure(db);
  if (op === undefined) await delay(expiresAt.getTime() - Date.now());
  else await each(db, op);
  await delay(REST_MS);
  const first = await measure(db);
  await db.close();
  const percent = (first.pages / whole.pages) * 100;
  note(name, { 'pages alive': whole.pages, 'pages, first': first.pages, 'ms, first': first.ms });
  if (first.rows !== 1) broken.push(`${name}: wrong rows`);
  if (KEYS < PROOF_KEYS) return;
  if (percent > PAGES_PERCENT_MAX) broken.push(`${name}: the first range opened ${percent}% of the pages`);
  if (first.ms > MS_MAX) broken.push(`${name}: the first range took ${first.ms} ms`);
}

async function each(db: Keys, op: (key: string) => Op<string, string>): Promise<void> {
  for (let from = 0; from < KEYS; from += BATCH) {
    await db.batch(Array.from({ length: Math.min(BATCH, KEYS - from) }, (_, i) => op(keyOf(from + i))));
  }
}

async function measure(db: Keys): Promise<{ rows: number; pages: number; ms: number }> {
  const pages = () => {
    const text = db.metrics();
    const value = (name: string) => Number(new RegExp(`^coppice_${name}\\{[^}]*\\} (\\d+)`, 'm').exec(text)?.[1]);
    return value('cache_hits_total') + value('cache_misses_total');
  };
  const before = pages();
  const began = performance.now();
  const rows = db.keys().toArraySync().length;
  const ms = performance.now() - began;
  return { rows, pages: pages() - before, ms };
}

function note(name: string, values: Record<string, number | undefined>): void {
  for (const [what, value] of Object.entries(values))
    figures[`${name}, ${what}`] = Math.round((value ?? 0) * 100) / 100;
}

function keyOf(number: number): string {
  return `k${String(number).padStart(9, '0')}`;
}
