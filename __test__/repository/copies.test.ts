/** Copies of a branch: what is left of one that fails, and databases that begin with one. */

import { existsSync } from 'node:fs';
import { cp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import {
  createBranch,
  memoryStore,
  type ObjectStore,
  type OpenOptions,
  open,
  restore,
  type StoreGetOptions,
} from '../../ts/index.js';
import { restoreBeside } from '../../ts/restore.js';
import { temporaryFolder } from '../support/database.js';
import { refuses } from '../support/errors.js';

/** A branch of four commits: one in a checkpoint, three in the log. */
async function place(t: ExecutionContext): Promise<{ store: ObjectStore; folder: string; revisions: number[] }> {
  const [store, folder] = [memoryStore(), await temporaryFolder(t)];
  const db = await open(join(folder, 'origin'), { store, durability: 'remote' });
  const revisions: number[] = [];
  for (const price of ['10', '11', '12', '13']) {
    revisions.push((await db.put('price', price)).revision);
    if (price === '10') await db.checkpoint();
  }
  await db.close();
  return { store, folder, revisions };
}

/** All but the file that a lock was taken of. */
async function left(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => name !== 'LOCK');
}

/** A store of which tables never come. */
function withoutTables(store: ObjectStore): { store: ObjectStore; asked: Promise<void> } {
  let ask = () => {};
  const asked = new Promise<void>((resolve) => {
    ask = resolve;
  });
  const get: ObjectStore['get'] = (key, options) => {
    if (!key.includes('/tables/')) return store.get(key, options);
    ask();
    return new Promise(() => {});
  };
  const { location } = store;
  const [head, put, list, del] = [store.head, store.put, store.list, store.del].map((call) =>
    call.bind(store),
  ) as never[];
  return { store: { location, get, head, put, list, del } as never, asked };
}

test('of a copy that fails nothing is left, and the next one into the folder is made', async (t) => {
  const { store, folder, revisions } = await place(t);
  const to = join(folder, 'copy');
  await refuses(t, 'COPPICE_NOT_FOUND', () => restore(memoryStore(), { to }), /no repository/);
  t.deepEqual(await left(to), []);
  await refuses(t, 'COPPICE_NOT_FOUND', () => restore(store, { to, branch: 'none' }), /no branch/);
  t.deepEqual(await left(to), []);
  await refuses(t, 'COPPICE_STORE', () => restore(store, { to, revision: 99 }), /not got to revision 99/);
  t.deepEqual(await left(to), []);
  const { store: slow, asked } = withoutTables(store);
  const giveUp = new AbortController();
  const restoring = restore(slow, { to, signal: giveUp.signal });
  await asked;
  giveUp.abort();
  await refuses(t, 'COPPICE_ABORTED', () => restoring);
  t.deepEqual(await left(to), []);

  await restore(store, { to, revision: revisions[2] as number });
  const copy = await open(to);
  t.is(await copy.get('price'), '12');
  await copy.close();
  t.false((await readdir(to)).includes('.repository'));
  await refuses(t, 'COPPICE_EXISTS', () => restore(store, { to }), /holds a database/);
  // Nor is anything of a disk that a branch has.
  await refuses(t, 'COPPICE_EXISTS', () => restore(store, { to: join(folder, 'origin') }), /holds a database/);
  const origin = await open(join(folder, 'origin'), { store });
  t.is(await origin.get('price'), '13');
  await origin.close();
});

test("what a copy leaves whose process was killed is nobody's disk, and is replaced by the next one", async (t) => {
  const { store, folder } = await place(t);
  const { store: slow, asked } = withoutTables(store);
  const giveUp = new AbortController();
  const restoring = restore(slow, { to: join(folder, 'copy'), signal: giveUp.signal });
  await asked;
  // It says to whom the folder belongs while the store is asked.
  const position = join(folder, 'copy', '.repository', 'position');
  while (!existsSync(position)) await setTimeout(1);
  const killed = join(folder, 'killed');
  await cp(join(folder, 'copy'), killed, { recursive: true });
  giveUp.abort();
  await refuses(t, 'COPPICE_ABORTED', () => restoring);

  await refuses(t, 'COPPICE_INVALID', () => open(killed), /is the disk of a branch/);
  await refuses(t, 'COPPICE_INVALID', () => open(killed, { store }), /a copy of a branch that is not complete/);
  await refuses(t, 'COPPICE_INVALID', () => open(killed, { store, readOnly: true }), /that is not complete/);
  await restore(store, { to: killed });
  const copy = await open(killed);
  t.is(await copy.get('price'), '13');
  await copy.close();
});

test('a database begins with a copy, once', async (t) => {
  const { store, folder, revisions } = await place(t);
  const path = join(folder, 'past');
  const heard = new Set<string>();
  const onProgress = ({ phase }: { phase: string }) => heard.add(phase);
  const options: OpenOptions = { restore: { store, revision: revisions[1] as number }, onProgress };
  const first = await open(path, { ...options, errorIfExists: true });
  t.is(await first.get('price'), '11');
  t.true(heard.has('tables') && heard.has('log'), [...heard].join());
  await first.put('price', 'mine');
  await first.close();
  const second = await open(path, options);
  t.is(await second.get('price'), 'mine');
  await second.close();
  await refuses(t, 'COPPICE_EXISTS', () => open(path, { ...options, errorIfExists: true }));
  const timed = await open(join(folder, 'timed'), { restore: { store, time: new Date() } });
  t.is(await timed.get('price'), '13');
  await timed.close();
});

test('a branch begins with a copy of another one, once, and grows back with what was written since', async (t) => {
  const { store, folder, revisions } = await place(t);
  const path = join(folder, 'past');
  const options: OpenOptions = {
    store,
    branch: 'past',
    durability: 'remote',
    restore: { revision: revisions[1] as number },
  };
  const first = await open(path, options);
  t.is(await first.get('price'), '11');
  await first.put('own', 'yes');
  await first.close();
  await rm(path, { recursive: true });
  const again = await open(path, options);
  t.is(await again.get('own'), 'yes');
  t.is(await again.get('price'), '11');
  await again.close();
  // Into another store, from all of it.
  const other = await open(join(folder, 'other'), { store: memoryStore(), restore: { store } });
  t.is(await other.get('price'), '13');
  t.is(other.repository()?.revision, revisions[3]);
  await other.close();
  // The branch that it was made of is as it was.
  const origin = await open(join(folder, 'origin'), { store });
  t.is(await origin.get('price'), '13');
  t.is(await origin.get('own'), undefined);
  await origin.close();
});

test('a copy that cannot be meant is refused', async (t) => {
  const { store, folder } = await place(t);
  const refused = (options: OpenOptions, message: RegExp) =>
    refuses(t, 'COPPICE_INVALID', () => open(join(folder, 'none'), options), message);
  await refused({ store, restore: {} }, /into itself/);
  await refused({ store, branch: 'a', restore: { branch: 'a' } }, /into itself/);
  await refused({ restore: {} }, /needs a store/);
  await refused({ store, readOnly: true, branch: 'a', restore: {} }, /readOnly makes none/);
  await refused({ restore: { store, revision: 2, time: new Date() } }, /not both/);
  await refused({ restore: { store, time: new Date(Number.NaN) } }, /valid Date/);
  await refused({ restore: { store, at: 1 } as never }, /unknown option "at" of restore/);
  await refused({ restore: { store }, branch: 'a' }, /"branch" is for databases with a store/);
  await refused({ restore: { store }, onProgress: 1 as never }, /onProgress must/);
});

test('a copy beside another fetches only what that does not have', async (t) => {
  const { store, folder } = await place(t);
  await createBranch(store, 'b');
  const [one, other] = [join(folder, 'one'), join(folder, 'other')];
  const fetched: string[] = [];
  const counting: ObjectStore = Object.assign(Object.create(store), {
    get: (key: string, options?: StoreGetOptions) => {
      if (key.includes('/tables/')) fetched.push(key);
      return store.get(key, options);
    },
  });
  await restore(counting, { to: one });
  t.true(fetched.splice(0).length > 0);
  await restoreBeside(one, counting, { to: other, branch: 'b' });
  t.deepEqual(fetched, []);
  for (const to of [one, other]) {
    const copy = await open(to);
    t.is(await copy.get('price'), '13');
    await copy.put('price', '14');
    await copy.close();
  }
});
