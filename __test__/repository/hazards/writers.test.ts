/** What t4 got wrong about who may write, and what a caller is told; `docs/t4.md` lists all of it. */

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import {
  type CoppiceError,
  memoryStore,
  type ObjectStore,
  type OpenOptions,
  open,
  restore,
  s3,
} from '../../../ts/index.js';
import { temporaryFolder } from '../../support/database.js';
import { refuses } from '../../support/errors.js';
import { CALM, HostileStore } from '../../support/hostile.js';
import { splitMix32 } from '../../support/random.js';
import { newBucket, testWithServer } from '../../support/s3.js';

const stores: [string, typeof test, () => ObjectStore | Promise<ObjectStore>][] = [
  ['in memory', test, () => memoryStore()],
  ['in a bucket', testWithServer as typeof test, async () => s3(await newBucket())],
];
for (const [where, declare, make] of stores) {
  declare(`t4 H12: of two writers the older is fenced, and nothing of it is seen any more, ${where}`, async (t) => {
    const folder = join(await temporaryFolder(t), 'db');
    const options: OpenOptions = { store: await make(), durability: 'remote' };
    const older = await open(folder, options);
    for (let n = 0; n < 5; n++) await older.put(`older ${n}`, 'stored');
    const newer = await open(`${folder}2`, options);
    await newer.put('newer', 'stored');
    const late = Array.from({ length: 20 }, (_, n) => older.put(`late ${n}`, 'lost'));
    const ends = await Promise.allSettled(late);
    for (const end of ends) t.is(end.status === 'rejected' && (end.reason as CoppiceError).code, 'COPPICE_FENCED');
    await refuses(t, 'COPPICE_FENCED', () => older.put('later', 'lost'));
    await newer.put('newer', 'stored again');
    const expected = ['newer', ...Array.from({ length: 5 }, (_, n) => `older ${n}`)];
    t.deepEqual(await newer.keys().toArray(), expected);
    await older.close();
    await newer.close();
    for (const where of [folder, `${folder}3`]) {
      const again = await open(where, options);
      t.deepEqual(await again.keys().toArray(), expected);
      // A commit that was taken back has left no gap.
      t.is(again.revision, 1 + 5 + 2);
      await again.close();
    }
  });
}

test('t4 H2: a caller that gives up takes nobody else with it, and leaves no gap', async (t) => {
  const folder = join(await temporaryFolder(t), 'db');
  const store = new HostileStore(memoryStore(), splitMix32(1), CALM);
  const db = await open(folder, { store, durability: 'remote' });
  store.isAway = true;
  const controller = new AbortController();
  const given = [1, 2, 3].map((n) => db.put(`given up ${n}`, 'x', { signal: controller.signal }));
  const kept = [1, 2, 3].map((n) => db.put(`kept ${n}`, 'x'));
  controller.abort();
  const ends = await Promise.allSettled(given);
  for (const end of ends)
    t.is(end.status === 'rejected' && (end.reason as CoppiceError).code, 'COPPICE_UNKNOWN_OUTCOME');
  store.isAway = false;
  const revisions = (await Promise.all(kept)).map(({ revision }) => revision);
  t.deepEqual(revisions, [5, 6, 7]);
  await db.close();
  await rm(folder, { recursive: true });
  const again = await open(folder, { store, durability: 'remote' });
  t.is(await again.count(), 6);
  t.is(again.revision, 7);
  await again.close();
});

test('t4 H6: an owner that is cut off acknowledges nothing, and shows nothing of what it could not store', async (t) => {
  const folder = join(await temporaryFolder(t), 'db');
  const store = memoryStore();
  const away = new HostileStore(store);
  const older = await open(folder, { store: away, durability: 'remote' });
  await older.put('a', '1');
  away.isAway = true;
  let isTold = false;
  const alone = older.put('a', 'alone').finally(() => {
    isTold = true;
  });
  const fenced = refuses(t, 'COPPICE_FENCED', () => alone);
  const newer = await open(`${folder}2`, { store, durability: 'remote' });
  await newer.put('a', '2');
  t.false(isTold);
  t.is(await older.get('a'), '1');
  away.isAway = false;
  await fenced;
  t.is(await newer.get('a'), '2');
  await older.close();
  await newer.close();
});

test('t4 H9: a copy of the past is never taken for the branch, and the branch stays where it is', async (t) => {
  const folder = join(await temporaryFolder(t), 'db');
  const store = memoryStore();
  const options: OpenOptions = { store, durability: 'remote' };
  const db = await open(folder, options);
  const { revision } = await db.put('a', '1');
  await db.put('a', '2');
  await restore(store, { to: `${folder}-copy`, revision });
  await refuses(t, 'COPPICE_EXISTS', () => open(`${folder}-copy`, options), /no part of it/);
  await db.close();
  await rm(folder, { recursive: true });
  const again = await open(folder, options);
  t.is(await again.get('a'), '2');
  await again.close();
});

test('t4 W7: the log on the disk goes as checkpoints have it', async (t) => {
  const folder = join(await temporaryFolder(t), 'db');
  const db = await open(folder, { store: memoryStore(), durability: 'remote' });
  const sizes: number[] = [];
  for (let round = 0; round < 8; round++) {
    for (let n = 0; n < 8; n++) await db.put(`key${n}`, `${round}`.repeat(1 << 20));
    await db.checkpoint();
    sizes.push(db.stats().logBytes);
  }
  // 64 MiB were written. Whole segments stay until a later checkpoint.
  t.true(Math.max(...sizes) < 48 << 20, `${sizes}`);
  await db.close();
});
