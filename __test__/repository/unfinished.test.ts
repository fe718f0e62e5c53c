/** Jobs that were killed where nobody but the owner of another branch, or a collection, comes by. */

import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { CoppiceError, collect, memoryStore, type ObjectStore, open } from '../../ts/index.js';
import { forkBranch, mendBranch, removeBranch } from '../../ts/repository/branches.js';
import { Hand, headName, type Job, remove, removeExpired } from '../../ts/repository/protocol/index.js';
import { carryOut, readHead } from '../../ts/repository/shell/index.js';
import { temporaryFolder } from '../support/database.js';
import { refuses } from '../support/errors.js';

async function place(t: ExecutionContext) {
  const [store, folder] = [memoryStore(), await temporaryFolder(t)];
  const opened = (branch: string, disk = branch, at: ObjectStore = store) =>
    open(join(folder, disk), { store: at, branch, durability: 'remote' });
  const head = (name: string) => readHead(store, headName(name));
  return { store, opened, head };
}

/** Carries the job out, and kills it once the head of that name has been put. */
async function killedAt<T>(store: ObjectStore, name: string, job: Job<T>): Promise<void> {
  const key = headName(name);
  const dying: ObjectStore = {
    location: store.location,
    get: store.get.bind(store),
    head: store.head.bind(store),
    list: store.list.bind(store),
    del: store.del.bind(store),
    put: async (at, ...others) => {
      const answer = await store.put(at, ...others);
      if (at === key) killing.abort();
      return answer;
    },
  };
  const killing = new AbortController();
  await carryOut(dying, job, { signal: killing.signal }).catch(() => {});
}

test('a branch that others have grown from, whose deletion was killed, is finished with by a collection', async (t) => {
  const { store, opened, head } = await place(t);
  const main = await opened('main');
  await main.put('a', '1');
  await forkBranch(store, { parent: 'main', name: 'child', at: null });
  await mendBranch(store, 'main');
  await killedAt(store, 'main', remove(new Hand('killed'), 'main'));
  t.like(await head('main'), { state: 'deleted', fences: null });
  await collect(store);
  t.truthy((await head('main'))?.fences);
  await refuses(t, 'COPPICE_FENCED', () => main.put('b', 'lost'));
  await main.close().catch(() => {});
  const child = await opened('child');
  t.is(await child.get('a'), '1');
  await child.close();
  await removeBranch(store, 'child');
});

test('the owner of its parent goes on with a branch whose time had come, when who deleted it was killed', async (t) => {
  const { store, opened, head } = await place(t);
  const main = await opened('main');
  await main.put('a', '1');
  await forkBranch(store, { parent: 'main', name: 'preview', at: null, expiresMs: 10 });
  await (await opened('preview')).close();
  await killedAt(store, 'preview', removeExpired(new Hand('killed'), 'preview', 20));
  t.is((await head('preview'))?.state, 'deleted');
  await main.checkpoint();
  for (let n = 0; n < 200 && (await head('preview'))?.state !== 'gone'; n++) await setTimeout(5);
  t.is((await head('preview'))?.state, 'gone');
  t.deepEqual((await head('main'))?.pins, []);
  await main.close();
});

test('a job that meets what no waiting mends is given up', async (t) => {
  const { store, opened } = await place(t);
  await (await opened('main')).close();
  const strict: ObjectStore = {
    location: store.location,
    get: store.get.bind(store),
    head: store.head.bind(store),
    list: store.list.bind(store),
    del: store.del.bind(store),
    put: () => Promise.reject(new CoppiceError('INVALID', 'the key is too long')),
  };
  await refuses(t, 'COPPICE_INVALID', () => removeBranch(strict, 'main'), /too long/);
});
