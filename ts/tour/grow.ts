/**
 * The dictionary lives in a store, its disk is destroyed, and it grows back.
 *
 * The store is a folder here; that it is a bucket changes one string.
 *
 * @module
 */

import { createHash } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CoppiceError, type Database, type OpenOptions, open } from '../index.js';
import { bytes, count, duration, timed } from './figures.js';
import { databaseFolder } from './library.js';
import type { Tour } from './tour.js';

export interface GrowReport {
  store: string;
  keys: number;
  /** Of the checkpoint in the store. */
  bytes: number;
  /** Until the store had everything. */
  shipMs: number;
  /** From the call of `open` on an empty disk to the first value. */
  growMs: number;
  /** Whether what grew back is the same, key by key. */
  same: boolean;
}

/** A database of bytes: what they mean does not matter to who moves them. */
type Bytes = Database<Buffer, Buffer>;

const RAW = { keyEncoding: 'buffer', valueEncoding: 'buffer' } as const;
const ROWS_PER_COMMIT = 2_000;
const COMMITS_AT_ONCE = 16;

export function storeFolder(folder: string): string {
  return join(folder, 'grown', 'store');
}

export function diskFolder(folder: string): string {
  return join(folder, 'grown', 'disk');
}

export async function grow(tour: Tour): Promise<GrowReport> {
  const { options, screen } = tour;
  const [store, disk] = [storeFolder(options.path), diskFolder(options.path)];
  await removeGrown(options.path);
  await mkdir(store, { recursive: true });
  const shipped = await timed(() => ship(tour, disk, store));
  const { keys, bytes: size, digest } = shipped.answer;
  const [all, much] = [count(keys), bytes(size)];
  screen.line(`A copy of the dictionary, ${all} keys, is in a store after ${duration(shipped.ms)}: ${much} of tables.`);

  await rm(disk, { recursive: true });
  screen.line(`Its folder has been destroyed: ${disk} is gone.`);
  const grown = await timed(() => firstRead(tour, disk, store));
  screen.endProgress();
  const db = grown.answer;
  try {
    const found = await digestOf(tour, db);
    const same = found.digest === digest && found.keys === keys;
    screen.line(`Opened again, from nothing: the first value was read ${duration(grown.ms)} after the call of open.`);
    screen.line(
      same ? `All ${all} keys are there, every byte the same.` : `DIFFERENT: ${count(found.keys)} keys grew.`,
    );
    return { store, keys, bytes: size, shipMs: shipped.ms, growMs: grown.ms, same };
  } finally {
    await db.close();
  }
}

/** Fills a database that lives in the store, until the store has all of it. */
async function ship(tour: Tour, disk: string, store: string): Promise<{ keys: number; bytes: number; digest: string }> {
  await using source = await openRaw(databaseFolder(tour.options.path), { createIfMissing: false });
  await using copy = await openRaw(disk, { store, durability: 'remote' });
  const total = await source.count();
  // Several are on their way at once: each waits for the store.
  const commits: Promise<unknown>[] = [];
  const { keys, digest } = await digestOf(tour, source, async (rows, done) => {
    if (commits.length === COMMITS_AT_ONCE) await commits.shift();
    const commit = copy.batch(rows.map(([key, value]) => ({ type: 'put', key, value })));
    // Whoever is stopped meanwhile has heard of it.
    commit.catch(() => {});
    commits.push(commit);
    tour.screen.progress(done / total, 'copied');
  });
  await Promise.all(commits);
  tour.screen.endProgress();
  const checkpoint = await copy.checkpoint();
  return { keys, bytes: checkpoint.bytes, digest };
}

async function firstRead({ screen }: Tour, disk: string, store: string): Promise<Bytes> {
  const db = await openRaw(disk, {
    store,
    durability: 'remote',
    onProgress: ({ done, total, phase }) => screen.progress(done / Math.max(1, total), phase),
  });
  await db.entries({ limit: 1 }).toArray();
  return db;
}

function openRaw(path: string, options: OpenOptions): Promise<Bytes> {
  return open<Buffer, Buffer>(path, { ...options, ...RAW });
}

/** Reads every row, in portions. */
async function digestOf(
  { signal }: Tour,
  db: Bytes,
  each: (rows: [Buffer, Buffer][], done: number) => Promise<void> = async () => {},
): Promise<{ keys: number; digest: string }> {
  const hash = createHash('sha256');
  let keys = 0;
  let rows: [Buffer, Buffer][] = [];
  const hand = async () => {
    await each(rows, keys);
    rows = [];
  };
  for await (const [key, value] of db.entries()) {
    signal.throwIfAborted();
    hash.update(key).update('\0').update(value).update('\0');
    keys += 1;
    rows.push([key, value]);
    if (rows.length === ROWS_PER_COMMIT) await hand();
  }
  if (rows.length > 0) await hand();
  return { keys, digest: hash.digest('hex') };
}

/** Removes what a tour before has left here, and nothing of anybody else's. */
async function removeGrown(folder: string): Promise<void> {
  const grown = join(folder, 'grown');
  const names = await readdir(grown).catch(() => []);
  const foreign = names.find((name) => name !== 'store' && name.split('@')[0] !== 'disk');
  if (foreign !== undefined) {
    throw new CoppiceError('EXISTS', `${join(grown, foreign)} is not the tour's: choose another folder with --path`);
  }
  await rm(grown, { recursive: true, force: true });
}
