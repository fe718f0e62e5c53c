/**
 * A database gives its room back by itself. Each round fills a folder, takes everything away, by deleting it or by letting
 * it expire, and then does nothing at all: within a minute the folder must be at most 5% of what it was, and 2 MiB. Of the
 * rounds that delete, every other one holds a snapshot for a while, which must keep what it reads and then let go of it.
 *
 * `COPPICE_ROUNDS=3 COPPICE_SEED=1 node --import=tsx rounds.ts`; prints a line `figures: {...}`. Exits with 1 if a folder
 * stays too large, and then leaves it.
 *
 * @module
 */

import { strict as assert } from 'node:assert';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Database, open } from '../../../ts/index.js';
import { seedOfRun, splitMix32 } from '../../support/random.js';

const KEYS = Number(process.env.COPPICE_KEYS ?? 300_000);
const PART_MAX = 0.05;
const REST_BYTES = 2 << 20;
const PATIENCE_MS = 60_000;
/** How long a snapshot is held. */
const HELD_MS = 15_000;
/** What is to expire lives this long, most of which the fill takes. */
const TTL_MS = 45_000;
const BATCH = 100;

const rounds = Number(process.env.COPPICE_ROUNDS ?? 3);
const seed = seedOfRun();
const random = splitMix32(seed);
const figures = {
  rounds: 0,
  'bytes before': 0,
  'bytes after': 0,
  'seconds until it was small': 0,
  'seconds at most': 0,
  'tables dropped unread': 0,
};

console.log(`seed ${seed}`);
for (let n = 0; n < rounds; n++) await playRound(n);
console.log(`figures: ${JSON.stringify(figures)}`);

async function playRound(n: number): Promise<void> {
  const expires = n % 3 === 1;
  const folder = await mkdtemp(join(tmpdir(), 'coppice-space-'));
  const db = await open(folder, { valueEncoding: 'buffer', durability: 'process' });
  const deadline = Date.now() + TTL_MS;
  await fill(db, expires ? deadline : undefined);
  const before = await bytesOf(folder);
  assert(expires ? Date.now() < deadline : true, 'the fill outlasted what it filled in');
  if (expires) await delay(deadline - Date.now());
  else await deleteAll(db, n % 3 === 2);
  const ended = Date.now();
  while ((await bytesOf(folder)) > before * PART_MAX + REST_BYTES) {
    if (Date.now() - ended > PATIENCE_MS) {
      const after = await bytesOf(folder);
      console.error(`round ${n}: ${before} bytes were ${after} after a minute, in ${folder}`, db.stats());
      process.exit(1);
    }
    await delay(250);
  }
  const seconds = (Date.now() - ended) / 1_000;
  // What it goes on to become, quiet as it is.
  await delay(2_000);
  const after = await bytesOf(folder);
  for await (const key of db.keys()) assert.fail(`${key} is still there`);
  const how = expires ? 'expired' : 'deleted';
  console.log(`round ${n}: ${before} bytes, ${how}: ${after} after ${seconds.toFixed(1)} s`);
  figures.rounds++;
  figures['bytes before'] += before;
  figures['bytes after'] += after;
  figures['seconds until it was small'] += seconds;
  figures['seconds at most'] = Math.max(figures['seconds at most'], seconds);
  figures['tables dropped unread'] += db.stats().tablesDropped;
  await db.close();
  await rm(folder, { recursive: true });
}

/** Random values, which compression makes no smaller, under keys in random order. */
async function fill(db: Database<string, Buffer>, expiresAt: number | undefined): Promise<void> {
  for (let first = 0; first < KEYS; first += BATCH) {
    const ops = Array.from({ length: BATCH }, (_, i) => {
      const value = Buffer.alloc(60 + random(120));
      for (let at = 0; at < value.length; at += 4) value.writeUInt8(random(256), at);
      const put = { type: 'put' as const, key: keyOf(first + i), value };
      return expiresAt === undefined ? put : { ...put, expiresAt: new Date(expiresAt) };
    });
    await db.batch(ops);
  }
}

async function deleteAll(db: Database<string, Buffer>, holdsSnapshot: boolean): Promise<void> {
  const snapshot = holdsSnapshot ? db.snapshot() : undefined;
  for (let first = 0; first < KEYS; first += BATCH) {
    await db.batch(Array.from({ length: BATCH }, (_, i) => ({ type: 'del' as const, key: keyOf(first + i) })));
  }
  if (snapshot === undefined) return;
  await delay(HELD_MS);
  let rows = 0;
  for await (const _ of snapshot.keys()) rows++;
  assert.equal(rows, KEYS, 'the snapshot reads all that was deleted');
  await snapshot.close();
}

function keyOf(number: number): string {
  return `key/${(number * 7_919) % KEYS}`;
}

async function bytesOf(folder: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(folder)) {
    // A file may go while this looks.
    bytes += await stat(join(folder, name)).then(
      ({ size }) => size,
      () => 0,
    );
  }
  return bytes;
}
