/** A database in a store that is open more than once in one process; here in one thread, see `threads.test.ts` for more. */

import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type CoppiceError, memoryStore, type ObjectStore, type OpenOptions, open } from '../../ts/index.js';
import { branchesIn } from '../../ts/repository/index.js';
import { temporaryFolder } from '../support/database.js';
import { refuses } from '../support/errors.js';
import { HostileStore } from '../support/hostile.js';
import { seedOfRun, splitMix32 } from '../support/random.js';

interface Place {
  readonly store: ObjectStore;
  /** The same, which may be cut off. */
  readonly away: HostileStore;
  readonly folder: string;
  readonly options: OpenOptions;
}

async function place(t: ExecutionContext): Promise<Place> {
  const store = memoryStore();
  const away = new HostileStore(store);
  return { store, away, folder: join(await temporaryFolder(t), 'db'), options: { store: away, durability: 'remote' } };
}

/** What whoever has nothing finds in the branch. */
async function valuesOf({ store, folder }: Place): Promise<Record<string, string>> {
  const db = await open(`${folder}-copy`, { store });
  const values = Object.fromEntries(await db.entries().toArray());
  await db.close();
  return values;
}

test('whoever opens a folder again shares its branch: all that is written is stored, once, and seen by all', async (t) => {
  const here = await place(t);
  const [a, b] = [await open(here.folder, here.options), await open(here.folder, here.options)];
  const told: number[] = [];
  b.on('replicated', ({ revision }) => told.push(revision));
  await a.put('a', '1');
  t.is(await b.get('a'), '1');
  const { revision } = await b.put('b', '2');
  t.is(await a.get('b'), '2');
  await a.waitFor(revision, 'remote');
  t.like(a.repository(), { role: 'leading', revision, unshipped: 0 });
  t.like(b.repository(), { role: 'leading', epoch: 1 });
  t.deepEqual(told.at(-1), revision);
  const { tables } = await b.checkpoint();
  t.is(tables, 1);
  t.is(b.repository()?.checkpoint?.revision, revision);
  await a.close();
  await b.close();
  t.is((await branchesIn(here.store))[0]?.owner, null);
  t.deepEqual(await valuesOf(here), { a: '1', b: '2' });
});

test('when the one that ships closes, another goes on, and gives the branch up in the end', async (t) => {
  const here = await place(t);
  const a = await open(here.folder, here.options);
  await a.put('a', '1');
  const b = await open(here.folder, here.options);
  here.away.isAway = true;
  const waiting = b.put('b', '2');
  await b.waitFor(3, 'disk');
  t.deepEqual(await a.close(), { unshipped: 1 });
  const meanwhile = b.put('c', '3');
  const c = open(here.folder, here.options);
  here.away.isAway = false;
  await Promise.all([waiting, meanwhile]);
  await (await c).put('d', '4');
  t.like(b.repository(), { role: 'leading', epoch: 2 });
  t.deepEqual(await (await c).close(), { unshipped: 0 });
  await b.put('e', '5');
  t.deepEqual(await b.close(), { unshipped: 0 });
  t.is((await branchesIn(here.store))[0]?.owner, null);
  t.deepEqual(await valuesOf(here), { a: '1', b: '2', c: '3', d: '4', e: '5' });
});

test('all close at once: what they have written is shipped, and the branch is given up', async (t) => {
  const here = await place(t);
  const options = { store: here.away };
  const all = [];
  for (let n = 0; n < 5; n++) all.push(await open(here.folder, options));
  await Promise.all(all.map((db, n) => db.put(`key${n}`, `${n}`)));
  await Promise.all(all.map((db) => db.close()));
  t.is((await branchesIn(here.store))[0]?.owner, null);
  t.deepEqual(Object.keys(await valuesOf(here)).length, 5);
});

test('when the branch is lost all are told, of every commit that is not in the store, and none of those is seen again', async (t) => {
  const here = await place(t);
  const [a, b] = [await open(here.folder, here.options), await open(here.folder, here.options)];
  await a.put('a', '1');
  here.away.isAway = true;
  const lost = [a, b].map((db, n) => refuses(t, 'COPPICE_FENCED', () => db.put(`lost${n}`, 'x'), /taken/));
  await b.waitFor(4, 'disk');
  const errors: string[] = [];
  b.on('error', ({ code }) => errors.push(code));
  const other = await open(`${here.folder}2`, { store: here.store, durability: 'remote' });
  await other.put('other', '1');
  here.away.isAway = false;
  await Promise.all(lost);
  for (const db of [a, b]) {
    await refuses(t, 'COPPICE_FENCED', () => db.put('later', 'x'));
    await refuses(t, 'COPPICE_FENCED', () => db.get('a'));
  }
  await refuses(t, 'COPPICE_LOCKED', () => open(here.folder, here.options), /close it there/);
  await Promise.all([a.close(), b.close()]);
  t.deepEqual(errors, ['COPPICE_FENCED']);
  const again = await open(here.folder, here.options);
  t.deepEqual(Object.fromEntries(await again.entries().toArray()), { a: '1', other: '1' });
  await again.close();
  await other.close();
});

test('the branch is lost while nobody ships: those who wait are told, and the others go', async (t) => {
  const here = await place(t);
  const [a, b] = [await open(here.folder, here.options), await open(here.folder, here.options)];
  await a.put('a', '1');
  here.away.isAway = true;
  const lost = t.throwsAsync(b.put('lost', 'x'));
  await b.waitFor(3, 'disk');
  await a.close({ timeoutMs: 0 });
  const other = await open(`${here.folder}2`, { store: here.store, durability: 'remote' });
  await other.put('other', '1');
  here.away.isAway = false;
  t.is(((await lost) as CoppiceError).code, 'COPPICE_FENCED');
  await refuses(t, 'COPPICE_FENCED', () => b.put('later', 'x'));
  await b.close();
  // Whoever has it is left in peace.
  await other.put('other', '2');
  const again = await open(here.folder, here.options);
  t.deepEqual(Object.fromEntries(await again.entries().toArray()), { a: '1', other: '2' });
  await again.close();
  await other.close();
});

test('the branch is lost while nobody ships, and nobody can tell what came of a commit: that is what is told', async (t) => {
  const here = await place(t);
  const options: OpenOptions = { ...here.options, checkpoint: { keep: 0, keepMs: 0 } };
  for (const isCollected of [false, true]) {
    const folder = `${here.folder}${isCollected}`;
    const [a, b] = [await open(folder, options), await open(folder, options)];
    const { revision } = await a.put('a', '1');
    here.away.isAway = true;
    const doubtful = refuses(t, 'COPPICE_UNKNOWN_OUTCOME', () => b.put('lost', 'x'), /in the store or not/);
    await b.waitFor(revision + 1, 'disk');
    await a.close({ timeoutMs: 0 });
    // Another node has the head, but no fence yet; or so much that what came after ours is collected.
    const held = new HostileStore(here.store);
    let release = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    let hasHead = () => {};
    const head = new Promise<void>((resolve) => {
      hasHead = resolve;
    });
    held.put = async (key, ...parameters) => {
      if (key.includes('/wal/') && !isCollected) await gate;
      const answer = await here.store.put(key, ...parameters);
      if (key.startsWith('heads/')) hasHead();
      return answer;
    };
    const opening = open(`${folder}2`, { ...options, store: held });
    await head;
    if (isCollected) {
      const db = await opening;
      for (let n = 0; n < 3; n++) {
        await db.put('other', `${n}`);
        await db.checkpoint();
      }
    }
    here.away.isAway = false;
    await doubtful;
    await refuses(t, 'COPPICE_FENCED', () => b.put('later', 'x'));
    await b.close();
    release();
    const other = await opening;
    await other.put('other', 'last');
    await other.close();
    const again = await open(folder, options);
    t.deepEqual(Object.fromEntries(await again.entries().toArray()), { a: '1', other: 'last' });
    await again.close();
  }
});

test('while nobody ships, what is on the disk only stays bounded', async (t) => {
  const here = await place(t);
  const options: OpenOptions = { store: here.away, unshippedBytesMax: 1 << 20 };
  const [a, b] = [await open(here.folder, options), await open(here.folder, options)];
  const c = await open(here.folder, options);
  await a.put('a', '1', { durability: 'remote' });
  here.away.isAway = true;
  await a.close({ timeoutMs: 0 });
  for (const db of [b, c]) {
    const fill = async () => {
      for (let n = 0; n < 200; n++) await db.put(`key${n}`, 'x'.repeat(50_000));
    };
    await refuses(t, 'COPPICE_BUSY', fill);
  }
  t.true((c.repository()?.unshippedBytes ?? 0) >= 1 << 20);
  here.away.isAway = false;
  await b.waitFor(b.revision, 'remote');
  await Promise.all([b.close(), c.close()]);
});

test('what would make a difference to the others is refused, and named', async (t) => {
  const here = await place(t);
  const db = await open(here.folder, here.options);
  const differing: [Partial<OpenOptions>, RegExp][] = [
    [{ durability: 'disk' }, /^durability differs/],
    [{ branch: 'other' }, /^branch differs/],
    [{ standby: true }, /^standby differs/],
    [{ checkpoint: { everySlots: 7 } }, /^checkpoint differs/],
    [{ unshippedBytesMax: 2 << 20 }, /^unshippedBytesMax differs/],
    [{ store: 'elsewhere' }, /^store differs/],
    [{ store: memoryStore() }, /^store differs/],
    [{ memoryBytes: 32 << 20 }, /^memoryBytes differs/],
    [{ history: true }, /^history differs/],
  ];
  for (const [options, message] of differing) {
    await refuses(t, 'COPPICE_INVALID', () => open(here.folder, { ...here.options, ...options }), message);
  }
  await refuses(t, 'COPPICE_EXISTS', () => open(here.folder, { ...here.options, errorIfExists: true }));
  await refuses(t, 'COPPICE_LOCKED', () => open(here.folder, { store: here.store, readOnly: true }));
  await db.put('a', '1');
  await db.close();
});

test('all wait while the folder is opened, and one of them goes on if that fails', async (t) => {
  const here = await place(t);
  await (await open(here.folder, here.options)).close();
  here.away.isAway = true;
  const abort = new AbortController();
  const first = open(here.folder, { ...here.options, signal: abort.signal });
  const others = [1, 2, 3].map(() => open(here.folder, here.options));
  const waiting = new AbortController();
  const tired = open(here.folder, { ...here.options, signal: waiting.signal });
  waiting.abort();
  await refuses(t, 'COPPICE_ABORTED', () => tired);
  abort.abort();
  await refuses(t, 'COPPICE_ABORTED', () => first);
  here.away.isAway = false;
  const all = await Promise.all(others);
  await Promise.all(all.map((db, n) => db.put(`key${n}`, `${n}`)));
  await Promise.all(all.map((db) => db.close()));
  t.deepEqual(Object.keys(await valuesOf(here)).length, 3);
});

test('in bad weather, opened and closed by many while others take the branch: what was told of each commit is true', async (t) => {
  t.timeout(600_000);
  const seed = seedOfRun();
  const random = splitMix32(seed);
  const { store, folder } = await place(t);
  await (await open(`${folder}-first`, { store })).close();
  const weather = { lost: 30, unheard: 100, late: 100, conflict: 30, latencyMsMax: 4 };
  const rough = new HostileStore(store, random, weather);
  const options: OpenOptions = {
    store: rough,
    durability: 'remote',
    checkpoint: { everySlots: 10, keep: 0, keepMs: 0 },
  };
  const told = new Map<string, number | string>();
  let dbs: Awaited<ReturnType<typeof open>>[] = [];
  const write = async (key: string) => {
    const db = dbs[random(dbs.length)];
    const end = await db?.put(key, 'x').catch((error: CoppiceError) => error);
    if (end !== undefined) told.set(key, 'revision' in end ? end.revision : end.code);
  };
  const writing: Promise<void>[] = [];
  for (let n = 0; n < 200; n++) {
    for (let m = random(3); m > 0; m--) writing.push(write(`key${n}.${m}`));
    const what = random(24);
    if (dbs.length < 3 && what < 6) dbs.push(await open(folder, options));
    else if (what < 10 && dbs.length > 0)
      await dbs.splice(random(dbs.length), 1)[0]?.close({ timeoutMs: random(2) * 20 });
    else if (what === 10) {
      const rival = await open(`${folder}2`, { store, durability: 'remote' });
      await rival.put(`rival${n}`, 'x');
      await rival.close();
      // What they write finds out.
      for (const db of dbs) await t.throwsAsync(db.put(`found${n}`, 'x'), { message: /./ });
      await Promise.all(dbs.map((db) => db.close({ timeoutMs: 0 })));
      dbs = [];
    } else await new Promise((resolve) => setTimeout(resolve, random(10)));
  }
  await Promise.all(dbs.map((db) => db.close()));
  await Promise.all(writing);
  await rough.settled();
  const db = await open(folder, { store });
  await db.waitFor(db.revision, 'remote');
  const counts: Record<string, number> = {};
  for (const [key, end] of told) {
    const found = (await db.getEntry(key))?.revision;
    if (typeof end === 'number') t.is(found, end, key);
    else if (end !== 'COPPICE_UNKNOWN_OUTCOME') t.is(found, undefined, `${key} ${end}`);
    const name = typeof end === 'number' ? 'stored' : end;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  t.log(`COPPICE_SEED=${seed}: ${JSON.stringify(counts)}, epoch ${db.repository()?.epoch}`);
  await db.close();
});
