/** A database that was there before its branch: stopped at every request, beside others who want the name, in bad weather. */

import { existsSync } from 'node:fs';
import { cp, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { CoppiceError, memoryStore, type ObjectStore } from '../../../ts/index.js';
import { openRoot, verifyBranch } from '../../../ts/repository/index.js';
import { type Answer, Hand, headName, type Job, replace } from '../../../ts/repository/protocol/index.js';
import { carryOut, readHead } from '../../../ts/repository/shell/index.js';
import { temporaryFolder } from '../../support/database.js';
import { refuses } from '../../support/errors.js';
import { HostileStore } from '../../support/hostile.js';
import { seedOfRun, splitMix32 } from '../../support/random.js';
import { openBranch, temporaryPlace } from './branch.js';
import { TextEngine } from './engine.js';

/** A database without a store, or more of one: a table and a log. */
async function write(folder: string, ...texts: string[]): Promise<void> {
  await mkdir(folder, { recursive: true });
  const engine = new TextEngine(folder);
  engine.lead(true);
  const [last, ...before] = texts.reverse();
  for (const text of before.reverse()) engine.commit(text);
  (await engine.flush()).release();
  engine.commit(last as string);
  await engine.close();
}

const textsIn = (folder: string) => new TextEngine(folder).texts;
const isBound = (folder: string) => existsSync(join(folder, '.repository', 'position'));
const isMarked = (folder: string) => existsSync(join(folder, '.repository', 'adoption'));

async function keysOf(store: ObjectStore, part = ''): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list('')) if (key.includes(part)) keys.push(key);
  return keys;
}

/** One in which there is a repository already. */
async function rootedStore(): Promise<ObjectStore> {
  const store = memoryStore();
  await openRoot(store, new AbortController().signal);
  return store;
}

/** The branch, as whoever has nothing finds it. */
async function textsOf(store: ObjectStore, folder: string): Promise<string[]> {
  const { shell, engine } = await openBranch(store, folder);
  await shell.close();
  return engine.texts;
}

test('a database that was there before is the first content of a branch that is not', async (t) => {
  const { store, folder } = await temporaryPlace(t);
  await write(folder, 'a', 'b');
  const told: string[] = [];
  const onProgress = ({ phase, done, total }: { phase: string; done: number; total: number }) =>
    told.push(`${phase} ${done === total}`);
  const { shell, engine, write: add } = await openBranch(store, folder, { onProgress });
  t.deepEqual(engine.texts, ['a', 'b']);
  t.like(shell.status(), { unshipped: 0, revision: 3, checkpoint: { revision: 3 } });
  t.deepEqual(told.slice(0, 3), ['checkpoint false', 'checkpoint false', 'checkpoint true']);
  await add('c');
  const tables = await keysOf(store, '/tables/');
  t.is(tables.length, 2);
  await shell.checkpoint();
  // What the first checkpoint has is not stored again.
  t.is((await keysOf(store, '/tables/')).length, 3);
  await shell.close();
  t.true(isBound(folder));
  t.false(isMarked(folder));
  await rm(folder, { recursive: true });
  t.deepEqual(await textsOf(store, folder), ['a', 'b', 'c']);
  t.true((await verifyBranch(store, 'main', true)).ok);
});

test('a folder whose branch is there already with something else in it is left alone', async (t) => {
  const { store, folder } = await temporaryPlace(t);
  await write(folder, 'a');
  await write(`${folder}2`, 'b');
  await (await openBranch(store, folder)).shell.close();
  const before = await keysOf(store);
  await refuses(t, 'COPPICE_EXISTS', () => openBranch(store, `${folder}2`), /no part of it/);
  await refuses(t, 'COPPICE_EXISTS', () => openBranch(store, `${folder}2`, { wants: 'known' }), /no part of it/);
  t.deepEqual([isBound(`${folder}2`), isMarked(`${folder}2`)], [false, false]);
  t.deepEqual(textsIn(`${folder}2`), ['b']);
  t.deepEqual(await keysOf(store), before);
  await refuses(t, 'COPPICE_NOT_FOUND', () => openBranch(store, `${folder}2`, { wants: 'known', branch: 'other' }));
  await refuses(t, 'COPPICE_EXISTS', () => openBranch(store, `${folder}2`, { mode: 'replica' }), /for writing/);
  const { shell } = await openBranch(store, `${folder}2`, { wants: 'new', branch: 'other' });
  await shell.close();
  await refuses(t, 'COPPICE_EXISTS', () => openBranch(store, `${folder}2`, { wants: 'new', branch: 'other' }));
});

test('of two databases that want the same name one has it, and the other is what it was', async (t) => {
  const top = await temporaryFolder(t);
  for (let round = 0; round < 10; round++) {
    const store = await rootedStore();
    const rough = new HostileStore(store, splitMix32(round), {
      lost: 0,
      unheard: 100,
      late: 0,
      conflict: 200,
      latencyMsMax: 3,
    });
    const folders = ['a', 'b', 'c'].map((name) => join(top, `${name}${round}`));
    for (const folder of folders) await write(folder, `first of ${folder}`, folder);
    const ends = await Promise.allSettled(folders.map((folder) => openBranch(rough, folder)));
    const winners = ends.filter((end) => end.status === 'fulfilled');
    t.is(winners.length, 1);
    for (const { value } of winners) await value.shell.close();
    const [winner] = folders.filter((_, n) => ends[n]?.status === 'fulfilled');
    for (const [n, folder] of folders.entries()) {
      t.deepEqual(textsIn(folder), [`first of ${folder}`, folder]);
      const end = ends[n] as PromiseSettledResult<unknown>;
      if (end.status === 'fulfilled') continue;
      t.is(end.reason.code, 'COPPICE_EXISTS');
      t.deepEqual([isBound(folder), isMarked(folder)], [false, false]);
    }
    // Nobody but the winner has left anything.
    const ids = new Set((await keysOf(store, 'd/')).map((key) => key.split('/')[1]));
    t.is(ids.size, 1);
    t.deepEqual(await textsOf(store, join(top, `copy${round}`)), [`first of ${winner}`, winner]);
  }
});

/** Stops whoever asks at one of its requests, which is carried out or never gets there. */
class StoppingStore extends HostileStore {
  readonly abort = new AbortController();
  #left: number;
  readonly #isCarriedOut: boolean;

  constructor(store: ObjectStore, requests: number, isCarriedOut: boolean) {
    super(store);
    this.#left = requests;
    this.#isCarriedOut = isCarriedOut;
  }

  override get(...parameters: Parameters<ObjectStore['get']>) {
    return this.#ask(() => super.get(...parameters));
  }

  override put(...parameters: Parameters<ObjectStore['put']>) {
    return this.#ask(() => super.put(...parameters));
  }

  async #ask<T>(call: () => Promise<T>): Promise<T> {
    this.#left -= 1;
    if (this.#left > 0) return call();
    if (this.#left === 0 && this.#isCarriedOut) await call();
    this.abort.abort();
    throw new CoppiceError('ABORTED', 'stopped');
  }
}

const MANY = 100;

/** Calls `then` after an adoption that was stopped at each of its requests, before or after it was carried out. */
async function stopEverywhere(t: ExecutionContext, then: (store: ObjectStore, folder: string) => Promise<void>) {
  const top = await temporaryFolder(t);
  for (let requests = 1; requests <= MANY; requests++) {
    for (const isCarriedOut of [false, true]) {
      const store = memoryStore();
      // It has been probed.
      await (
        await openBranch(store, join(top, `probe${requests}${isCarriedOut}`), { branch: 'another' })
      ).shell.close();
      const folder = join(top, `db${requests}${isCarriedOut}`);
      await write(folder, 'a', 'b', 'c');
      const stopping = new StoppingStore(store, requests, isCarriedOut);
      const { signal } = stopping.abort;
      const opened = await openBranch(stopping, folder, { signal }).catch(() => undefined);
      await opened?.shell.close();
      // From here on it is a branch like any other.
      if (isBound(folder) && !isMarked(folder)) return t.true(requests > 5, `${requests} requests`);
      await then(store, folder);
    }
  }
  t.fail('it is never done');
}

test('stopped at any request, an adoption goes on when the folder is opened again', async (t) => {
  await stopEverywhere(t, async (store, folder) => {
    const again = await openBranch(store, folder);
    t.deepEqual(again.engine.texts, ['a', 'b', 'c']);
    await again.write('d');
    await again.shell.checkpoint();
    await again.shell.close();
    t.true(isBound(folder));
    t.false(isMarked(folder));
    t.deepEqual(await textsOf(store, `${folder}-copy`), ['a', 'b', 'c', 'd']);
    t.true((await verifyBranch(store, 'main', true)).ok);
    // What was stored before is stored once, or gone.
    t.is((await keysOf(store, '/tables/')).length, 3);
  });
});

test('stopped before its branch may be there, a database is written without the store, and nothing of that is lost', async (t) => {
  let alone = 0;
  await stopEverywhere(t, async (store, folder) => {
    const isAlone = !isBound(folder);
    if (isAlone) await write(folder, 'x', 'y');
    const texts = isAlone ? ['a', 'b', 'c', 'x', 'y'] : ['a', 'b', 'c'];
    alone += Number(isAlone);
    t.deepEqual(await textsOf(store, folder), texts);
    t.deepEqual(await textsOf(store, `${folder}-copy`), texts);
  });
  t.true(alone > 3);
});

test('stopped at any request, an adoption loses its branch to another one, or has it for good', async (t) => {
  const won = { first: 0, second: 0 };
  await stopEverywhere(t, async (store, folder) => {
    const other = `${folder}-other`;
    await write(other, 'other');
    const second = await openBranch(store, other).catch((error: CoppiceError) => error);
    if (second instanceof CoppiceError) {
      won.first += 1;
      t.is(second.code, 'COPPICE_EXISTS');
      t.deepEqual(textsIn(other), ['other']);
      t.deepEqual(await textsOf(store, folder), ['a', 'b', 'c']);
    } else {
      won.second += 1;
      await second.shell.close();
      await refuses(t, 'COPPICE_EXISTS', () => openBranch(store, folder), /no part of it/);
      t.deepEqual([isBound(folder), isMarked(folder)], [false, false]);
      t.deepEqual(textsIn(folder), ['a', 'b', 'c']);
      t.is(new Set((await keysOf(store, 'd/')).map((key) => key.split('/')[1])).size, 2);
    }
  });
  t.true(won.first > 0 && won.second > 3, JSON.stringify(won));
});

test('in bad weather a database is adopted whole, once', async (t) => {
  const top = await temporaryFolder(t);
  const seed = seedOfRun();
  t.log(`COPPICE_SEED=${seed}`);
  const random = splitMix32(seed);
  for (let round = 0; round < 10; round++) {
    const store = await rootedStore();
    const folder = join(top, `db${round}`);
    await write(folder, 'a', 'b', 'c');
    const rough = new HostileStore(store, random, {
      lost: 100,
      unheard: 200,
      late: 100,
      conflict: 200,
      latencyMsMax: 2,
    });
    // What is made without retries, the first look at the repository, fails at once.
    const openOnce = () => openBranch(rough, folder).catch((error: CoppiceError) => error);
    let opened = await openOnce();
    while (opened instanceof CoppiceError) {
      t.is(opened.code, 'COPPICE_STORE');
      opened = await openOnce();
    }
    t.deepEqual(opened.engine.texts, ['a', 'b', 'c']);
    await opened.write('d');
    await opened.shell.close();
    await rough.settled();
    t.deepEqual(await textsOf(store, `${folder}-copy`), ['a', 'b', 'c', 'd']);
    t.true((await verifyBranch(store, 'main', true)).ok);
  }
});

test('a folder on its way into one store is not put into another, and a copy of it is another disk', async (t) => {
  const { store, folder } = await temporaryPlace(t);
  await write(folder, 'a');
  const away = new HostileStore(store);
  const abort = new AbortController();
  away.put = async (key, body, options) => {
    if (!key.startsWith('heads/')) return store.put(key, body, options);
    abort.abort();
    throw new CoppiceError('ABORTED', 'stopped');
  };
  await refuses(t, 'COPPICE_ABORTED', () => openBranch(away, folder, { signal: abort.signal }));
  t.true(isBound(folder) && isMarked(folder));
  await refuses(t, 'COPPICE_INVALID', () => openBranch(memoryStore(), folder), /another store/);
  await refuses(t, 'COPPICE_INVALID', () => openBranch(store, folder, { branch: 'other' }), /holds the branch "main"/);
  await refuses(t, 'COPPICE_EXISTS', () => openBranch(store, folder, { mode: 'replica' }), /for writing/);
  await cp(folder, `${folder}2`, { recursive: true });
  const copy = await openBranch(store, `${folder}2`);
  await copy.write('b');
  await copy.shell.close();
  // Both hold what the branch began with.
  t.deepEqual(await textsOf(store, folder), ['a', 'b']);
});

test('a branch that was replaced before its maker heard of it is not taken for that of somebody else', async (t) => {
  let replaced = 0;
  await stopEverywhere(t, async (store, folder) => {
    if ((await readHead(store, headName('main'))) === undefined) return;
    const job = replace(new Hand('hand'), { name: 'main', from: 'main', at: null });
    let answers = 0;
    // Killed before the one before stands under its retired name.
    const next = (answer: Answer) => (answers++ < 2 ? job.next(answer) : { done: true as const, value: undefined });
    await carryOut(store, { next } as Job<unknown>);
    t.truthy((await readHead(store, headName('main')))?.retiring);
    replaced += 1;
    t.deepEqual(await textsOf(store, folder), ['a', 'b', 'c']);
    t.deepEqual((await verifyBranch(store, 'main', true)).problems, []);
  });
  t.true(replaced > 0);
});
