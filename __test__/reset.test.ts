/** Branches that are reset and promoted, as programs and the command line do it. */

import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import {
  createBranch,
  createTag,
  dropBranch,
  fsStore,
  listBranches,
  type OpenOptions,
  open,
  promoteBranch,
  resetBranch,
} from '../ts/index.js';
import { coppice } from './support/command.js';
import { temporaryFolder } from './support/database.js';
import { refuses } from './support/errors.js';

async function place(t: ExecutionContext) {
  const top = await temporaryFolder(t);
  const at = join(top, 'store');
  const store = fsStore(at);
  const opened = async (branch: string, options: OpenOptions = {}, folder = branch) => {
    const db = await open(join(top, folder), { store, branch, durability: 'remote', ...options });
    t.teardown(() => db.close());
    return db;
  };
  const sound = async (...branches: string[]) => {
    for (const branch of branches) {
      const { code, out } = await coppice(['verify', at, '--store', '--deep', '--branch', branch]);
      t.is(code, 0, out);
    }
  };
  return { at, store, opened, sound };
}

test('a branch is reset to what it was, its folder and its replicas come along, and what grew from it stays', async (t) => {
  const { store, opened, sound } = await place(t);
  let db = await opened('main');
  const { revision } = await db.put('price', '10');
  await db.checkpoint();
  await db.put('price', 'a mistake');
  await createBranch(store, 'kept');
  const replica = await opened('main', { readOnly: true, durability: undefined } as never, 'replica');
  t.is(await replica.get('price'), 'a mistake');
  t.like(await resetBranch(store, 'main', { from: 'main', at: revision, dryRun: true }), { name: 'main' });
  await db.put('price', 'another');
  t.like(await resetBranch(store, 'main', { from: 'main', at: revision }), { name: 'main', parent: null });
  await refuses(t, 'COPPICE_FENCED', () => db.put('price', 'too late'));
  await db.close();
  db = await opened('main');
  t.is(await db.get('price'), '10');
  await db.put('price', '11');
  // While it goes over to the new branch it asks to be read later.
  while ((await replica.get('price').catch(() => undefined)) !== '11') await setTimeout(10);
  t.is(await (await opened('kept')).get('price'), 'a mistake');
  for (let n = 0; n < 3; n++) await db.checkpoint();
  await sound('main', 'kept');
});

test('a preview is reset to what its parent holds now, and a branch is promoted into the place of its parent', async (t) => {
  const { store, opened, sound } = await place(t);
  const db = await opened('main');
  await db.put('a', '1');
  await createBranch(store, 'preview');
  const preview = await opened('preview');
  await preview.put('b', 'tried');
  await db.put('a', '2');
  await resetBranch(store, 'preview');
  await refuses(t, 'COPPICE_FENCED', () => preview.put('b', 'again'));
  await preview.close();
  const again = await opened('preview');
  t.deepEqual(await again.entries().toArray(), [['a', '2']]);
  await again.put('c', 'good');
  await db.put('a', 'lost');
  await refuses(t, 'COPPICE_EXISTS', () => promoteBranch(store, 'preview', { keep: 'preview' }), /a branch "preview"/);
  t.like(await promoteBranch(store, 'preview', { keep: 'was-main' }), { name: 'main' });
  await refuses(t, 'COPPICE_FENCED', () => db.put('a', '3'));
  await db.close();
  const main = await opened('main');
  const good = [
    ['a', '2'],
    ['c', 'good'],
  ];
  t.deepEqual(await main.entries().toArray(), good as never);
  t.like((await listBranches(store))[0], { name: 'main', parent: 'preview' });
  await again.close();
  await dropBranch(store, 'preview');
  for (let n = 0; n < 3; n++) await main.checkpoint();
  t.deepEqual(
    (await listBranches(store)).map(({ name }) => name),
    ['main'],
  );
  await sound('main');
  await main.close();
  const was = await opened('was-main', { readOnly: true, durability: undefined } as never);
  t.deepEqual(await was.entries().toArray(), [['a', 'lost']]);
  // A disk that was lost grows back from what is there now.
  t.deepEqual(await (await opened('main', {}, 'new-disk')).entries().toArray(), good as never);
});

test('what cannot be reset or promoted is refused, and nothing is done', async (t) => {
  const { at, store, opened } = await place(t);
  const db = await opened('main');
  const { revision } = await db.put('a', '1');
  await createTag(store, 'v1');
  await createBranch(store, 'b', { from: 'v1' });
  await refuses(t, 'COPPICE_NOT_FOUND', () => resetBranch(store, 'none'), /no branch "none"/);
  await refuses(t, 'COPPICE_NOT_FOUND', () => resetBranch(store, 'main', { from: 'none' }), /no branch "none"/);
  await refuses(t, 'COPPICE_NOT_FOUND', () => resetBranch(store, 'v1'), /"v1" in .* is a tag, not a branch/);
  await refuses(t, 'COPPICE_FUTURE_REVISION', () => resetBranch(store, 'main', { from: 'main', at: revision + 9 }));
  await refuses(t, 'COPPICE_INVALID', () => promoteBranch(store, 'main'), /one that has grown from another/);
  await refuses(t, 'COPPICE_INVALID', () => resetBranch(store, 'main'), /grown from another, or given with from or at/);
  await refuses(t, 'COPPICE_NOT_FOUND', () => promoteBranch(store, 'b'), /"v1" in .* is a tag, not a branch/);
  t.is((await db.put('a', '2')).revision, revision + 1);
  for (const args of [
    ['--keep', 'x'],
    ['--promote', '--reset'],
    ['--promote', '--from', 'v1'],
    ['--reset', '--ttl', '1d'],
    ['--dry-run'],
  ])
    t.is((await coppice(['branch', at, 'b', ...args])).code, 2);
  t.is((await coppice(['branch', at, '--reset'])).code, 2);
  await db.close();
  t.regex((await coppice(['branch', at, 'main', '--reset', '--from', 'v1', '--dry-run'])).out, /would replace main/);
  t.regex((await coppice(['branch', at, 'main', '--reset', '--from', 'v1'])).out, /replaced main/);
  t.is(await (await opened('main')).get('a'), '1');
  await createBranch(store, 'c');
  t.like(JSON.parse((await coppice(['branch', at, 'c', '--promote', '--json'])).out), { name: 'main', replaced: true });
});

test('a branch is promoted into the place of what it has grown from, and of nothing else', async (t) => {
  const { store, opened } = await place(t);
  const db = await opened('main');
  const { revision } = await db.put('a', '1');
  await createBranch(store, 'b');
  const dryRun = 'no' as never;
  await refuses(t, 'COPPICE_INVALID', () => promoteBranch(store, 'b', { dryRun }), /dryRun/);
  await refuses(t, 'COPPICE_INVALID', () => dropBranch(store, 'b', { dryRun }), /dryRun/);
  await resetBranch(store, 'main', { from: 'main', at: revision });
  t.like(await promoteBranch(store, 'b', { dryRun: true }), { name: 'main' });
  // Set back, it has grown from itself, and would replace itself.
  await createBranch(store, 'c');
  await resetBranch(store, 'c', { from: 'c', at: revision });
  await refuses(t, 'COPPICE_INVALID', () => promoteBranch(store, 'c'), /one that has grown from another/);
  await dropBranch(store, 'c');
  const b = await opened('b');
  await dropBranch(store, 'main');
  // When it has let go of main that name is free.
  const made = () => createBranch(store, 'main', { from: 'b' });
  for (;;) {
    await b.put('b', String(b.revision));
    await b.compact();
    await b.checkpoint();
    const isMade = await made().then(
      () => true,
      ({ code }) => code !== 'COPPICE_EXISTS',
    );
    if (isMade) break;
  }
  for (const again of [promoteBranch, resetBranch])
    await refuses(
      t,
      'COPPICE_NOT_FOUND',
      () => again(store, 'b'),
      /"main" in .* is not the one that "b" has grown from/,
    );
  t.is((await listBranches(store)).find(({ name }) => name === 'main')?.parent, 'b');
});
