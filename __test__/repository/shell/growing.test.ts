/** What growing back asks of the store and of the disk, and when. */

import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import type { ObjectStore, StoreGetOptions } from '../../../ts/index.js';
import { removeBranch } from '../../../ts/repository/branches.js';
import { Ahead } from '../../../ts/repository/shell/ahead.js';
import { Place } from '../../../ts/repository/shell/place.js';
import { openBranch, temporaryPlace } from './branch.js';
import { type TextEngine, TextFolder } from './engine.js';

const MIB = 1 << 20;

/** Says where the folder stood, by what it remembers, whenever records were added to it. */
class Watched extends TextFolder {
  readonly stood: (number | undefined)[] = [];
  readonly #path: string;

  constructor(path: string) {
    super(path);
    this.#path = path;
  }

  override async open(): Promise<TextEngine> {
    const engine = await super.open();
    const apply = engine.apply.bind(engine);
    engine.apply = async (...given) => {
      this.stood.push((await Place.of(this.#path))?.remembered.local?.position.slot);
      return apply(...given);
    };
    return engine;
  }
}

/** A store that notes which pieces of tables are asked for. */
function noting(store: ObjectStore, pieces: (readonly [number, number] | undefined)[]): ObjectStore {
  return Object.assign(Object.create(store) as ObjectStore, {
    get: (key: string, options: StoreGetOptions = {}) => {
      if (key.includes('/tables/')) pieces.push(options.range);
      return store.get(key, options);
    },
    put: store.put.bind(store),
    head: store.head.bind(store),
    list: store.list.bind(store),
    del: store.del.bind(store),
  });
}

const froms = (pieces: readonly (readonly [number, number] | undefined)[]) => pieces.map((piece) => piece?.[0]);

test('a fence is remembered before anything after it is taken over, but by a folder that held nothing', async (t) => {
  const { store, folder } = await temporaryPlace(t);
  const write = async (name: string) => {
    const owner = await openBranch(store, `${folder}-${name}`);
    await owner.write(name);
    await owner.shell.close();
  };
  await write('a');
  const engine = new Watched(folder);
  await (await openBranch(store, folder, { engine, mode: 'replica' })).shell.close();
  await write('b');
  await (await openBranch(store, folder, { engine, mode: 'replica' })).shell.close();
  // The slots are fence, a, fence, b; the checkpoint is older than a.
  t.deepEqual(engine.stood, [undefined, 4]);
});

test('what a killed attempt has left is no part of a branch that begins empty', async (t) => {
  const { store, folder } = await temporaryPlace(t);
  const main = await openBranch(store, `${folder}-main`);
  await main.write('old');
  await main.shell.close();
  await (await openBranch(store, folder, { mode: 'replica' })).shell.close();
  const file = join(folder, '.repository', 'position');
  // A kill before the position was written leaves this.
  await writeFile(file, JSON.stringify({ ...JSON.parse(await readFile(file, 'utf8')), local: null }));
  await removeBranch(store, 'main');
  const { shell, engine, write } = await openBranch(store, folder);
  await write('new');
  t.deepEqual(engine.texts, ['new']);
  await shell.close();
});

test('an empty folder says to whom it belongs before anything is in it', async (t) => {
  const { store, folder } = await temporaryPlace(t);
  const seen: (Place | undefined)[] = [];
  class Looking extends TextFolder {
    override async open(): Promise<TextEngine> {
      seen.push(await Place.of(folder));
      return super.open();
    }
    override async install(engine: string): Promise<void> {
      seen.push(await Place.of(folder));
      return super.install(engine);
    }
  }
  for (const opens of [1, 2]) {
    seen.length = 0;
    const { shell } = await openBranch(store, folder, { engine: new Looking(folder) });
    t.is(seen.length, opens);
    for (const place of seen) t.is(place?.remembered.local, null);
    await shell.close();
    await rm(folder, { recursive: true });
  }
});

test('a long table comes in pieces, and not again after an interruption unless it is damaged', async (t) => {
  const { store, folder } = await temporaryPlace(t);
  const texts = ['a', 'b', 'c'].map((letter) => letter.repeat(6 * MIB));
  // One table: no checkpoint is taken in between.
  const first = await openBranch(store, folder, { checkpoint: { everyBytes: 1 << 30, everySlots: 100 } });
  for (const text of texts) await first.write(text);
  await first.shell.checkpoint();
  await first.shell.close();
  await rm(folder, { recursive: true });

  const pieces: (readonly [number, number] | undefined)[] = [];
  class Interrupted extends TextFolder {
    #clears = 0;
    override clear(): Promise<void> {
      this.#clears += 1;
      // When all is here, and nothing in its place yet.
      return this.#clears === 2 ? Promise.reject(new Error('interrupted')) : super.clear();
    }
  }
  const open = (engine = new TextFolder(folder)) => openBranch(noting(store, pieces), folder, { engine });
  await t.throwsAsync(open(new Interrupted(folder)), { message: /interrupted/ });
  const all = [0, 8 * MIB, 16 * MIB];
  t.deepEqual(froms(pieces), all);
  t.true((pieces[2]?.[1] ?? 0) > 18 * MIB);

  const tables = join(folder, '.repository', 'tables');
  const [table = ''] = await readdir(tables);
  await writeFile(join(tables, table), 'damaged');
  await t.throwsAsync(open(new Interrupted(folder)), { message: /interrupted/ });
  t.deepEqual(froms(pieces), [...all, ...all]);
  const again = await open();
  t.is(pieces.length, 6);
  t.deepEqual(again.engine.texts, texts);
  await again.shell.close();
});

test('what was fetched ahead is not fetched again, and what could not be is', async (t) => {
  const asked: string[] = [];
  const there = new Map(['a', 'b', 'c'].map((key) => [key, { body: Buffer.from(key), etag: key }]));
  const ahead = new Ahead(async (key) => {
    asked.push(key);
    return there.get(key);
  });
  const beginning = ahead.begin(['a', 'b', 'd']);
  t.deepEqual(asked, ['a'], 'how long the others may be is not known yet');
  await beginning;
  t.deepEqual(asked, ['a', 'b', 'd']);
  t.is((await ahead.get(['a', 'b', 'c']))?.etag, 'a');
  t.is((await ahead.get(['b', 'c']))?.etag, 'b');
  t.deepEqual(asked, ['a', 'b', 'd', 'c']);
  there.set('d', { body: Buffer.from('d'), etag: 'd' });
  t.is((await ahead.get(['d']))?.etag, 'd');
});
