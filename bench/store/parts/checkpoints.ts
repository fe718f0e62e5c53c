/**
 * Checkpoints of a database that is written to: what they upload, how long they keep a commit waiting, and what puts take
 * meanwhile, beside the same puts while as many bytes of other files go to the same store. The two alternate in one run.
 *
 * @module
 */
import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { type Database, open } from '../../../ts/index.js';
import { Budget } from '../../../ts/repository/shell/budget.js';
import { sha256Of } from '../../../ts/repository/shell/digest.js';
import { key } from '../../data.js';
import { CountingStore } from '../counting.js';
import { storeIn } from '../server.js';
import { type Spread, spread } from '../spread.js';
import type { LoadGiven } from './load.js';
import { BATCH, BY_HAND, manifestOf, value } from './place.js';

export interface CheckpointsGiven extends LoadGiven {
  valueBytes: number;
  rounds: number;
}

/** Of all rounds. */
export interface Checkpoints {
  tables: number;
  bytes: number;
  /** Tables that the checkpoints name and the ones before them did not. */
  written: number;
  writtenBytes: number;
  /** Tables that were put and that are not among these, or twice. */
  needless: number;
  otherPuts: number;
  checkpointMs: number[];
  otherMs: number[];
  during: Spread;
  beside: Spread;
  /** What the engine says for the whole of it. */
  commitWaitMsMax: number;
  stalls: number;
  stalledMs: number;
}

type Db = Database<string, Buffer>;

export async function checkpoints(given: CheckpointsGiven): Promise<Checkpoints> {
  const { folder, prefix, rounds } = given;
  const store = new CountingStore(storeIn(given, prefix));
  const db = await open(folder, { store, durability: 'process', valueEncoding: 'buffer', checkpoint: BY_HAND });
  const unrelated = join(folder, '..', 'unrelated');
  const [during, beside]: [number[], number[]] = [[], []];
  const found = { tables: 0, bytes: 0, written: 0, writtenBytes: 0, needless: 0, otherPuts: 0 };
  const [checkpointMs, otherMs]: [number[], number[]] = [[], []];
  let before = await manifestOf(store, (await db.checkpoint()).location);
  for (let round = 0; round < rounds; round++) {
    const old = new Set(tablesIn(folder));
    await rewrite(db, given, round);
    const fresh = tablesIn(folder).filter((name) => !old.has(name));
    const files = await linked(folder, unrelated, fresh);

    const publish = async (): Promise<void> => {
      await settled(db);
      store.forget();
      const began = performance.now();
      const { location } = await puts(db, during, db.checkpoint());
      checkpointMs.push(performance.now() - began);
      const after = await manifestOf(store, location);
      const known = new Set(before.tables.map(({ id }) => id));
      const made = after.tables.filter(({ id }) => !known.has(id)) as ((typeof after.tables)[0] & { bytes: number })[];
      found.tables += store.tables.length;
      found.bytes += store.tables.reduce((sum, { bytes }) => sum + bytes, 0);
      found.written += made.length;
      found.writtenBytes += made.reduce((sum, { bytes }) => sum + bytes, 0);
      const wanted = new Set(made.map(({ n, epoch }) => `${epoch} ${n}`));
      for (const { key } of store.tables) {
        const [epoch, n] = key
          .slice(key.lastIndexOf('/') + 1)
          .split('-')
          .map(Number);
        if (!wanted.delete(`${epoch} ${n}`)) found.needless += 1;
      }
      found.otherPuts += store.puts.length - store.tables.length;
      before = after;
    };
    const upload = async (): Promise<void> => {
      await settled(db);
      const began = performance.now();
      await puts(db, beside, uploaded(storeIn(given, `${prefix}-unrelated-${round}`), files));
      otherMs.push(performance.now() - began);
    };
    for (const window of round % 2 === 0 ? [publish, upload] : [upload, publish]) await window();
    rmSync(unrelated, { recursive: true });
  }
  const { commitWaitMsMax, stalls, stalledMs } = db.stats();
  await settled(db);
  await db.checkpoint();
  await db.close();
  return {
    ...found,
    checkpointMs,
    otherMs,
    during: spread(during),
    beside: spread(beside),
    commitWaitMsMax,
    stalls,
    stalledMs,
  };
}

/** Overwrites a twentieth of one part of the keys and merges that part, so that most of its tables are new. */
async function rewrite(db: Db, { keys, valueBytes, rounds }: CheckpointsGiven, round: number): Promise<void> {
  const part = Math.floor(keys / rounds);
  const first = round * part;
  for (let from = 0; from < part; from += 20 * BATCH) {
    const rows = Array.from({ length: Math.min(BATCH, part - from) }, (_, i) => first + from + i);
    await db.batch(rows.map((row) => ({ type: 'put', key: key(row), value: value(row + 1, valueBytes) })));
  }
  await db.compact({ range: { gte: key(first), lt: key(first + part) } });
}

/** Single puts, one after the other, until something else has ended; into `took` how long each was, in milliseconds. */
async function puts<T>(db: Db, took: number[], other: Promise<T>): Promise<T> {
  let isOver = false;
  const end = other.finally(() => {
    isOver = true;
  });
  end.catch(() => {});
  for (let i = 0; !isOver; i++) {
    const began = performance.now();
    await db.put(`written meanwhile ${i % 100_000}`, value(i, 100));
    // Whatever else waits for this thread has its turn, and counts: whoever writes waits for it too.
    await setImmediate();
    took.push(performance.now() - began);
  }
  return end;
}

/** As a checkpoint uploads its tables. */
async function uploaded(store: ReturnType<typeof storeIn>, files: { path: string; bytes: number; sha256: string }[]) {
  const budget = new Budget();
  const upload =
    ({ path, sha256 }: { path: string; sha256: string }, i: number) =>
    async () =>
      store.put(`file-${i}`, await readFile(path), { ifNoneMatch: '*', sha256 });
  await Promise.all(files.map((file, i) => budget.take(file.bytes, upload(file, i))));
}

async function linked(folder: string, unrelated: string, names: string[]) {
  mkdirSync(unrelated);
  const files: { path: string; bytes: number; sha256: string }[] = [];
  for (const name of names) {
    const path = join(unrelated, name);
    linkSync(join(folder, name), path);
    const body = readFileSync(path);
    files.push({ path, bytes: body.length, sha256: await sha256Of(body) });
  }
  return files;
}

/** Everything is shipped, and what was written lies on the disk. */
async function settled(db: Db): Promise<void> {
  while ((db.repository()?.unshipped ?? 0) > 0) await setTimeout(100);
  execFileSync('sync');
}

function tablesIn(folder: string): string[] {
  return readdirSync(folder).filter((name) => name.endsWith('.table'));
}
