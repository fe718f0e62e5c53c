/** Branches that nobody writes, and branches that go by themselves, with engines and a store. */

import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { memoryStore, type OpenOptions, open } from '../../ts/index.js';
import { expireBranch, forkBranch, removeBranch } from '../../ts/repository/branches.js';
import { branchesIn } from '../../ts/repository/index.js';
import { Hand, headName, removeDue, removeExpired } from '../../ts/repository/protocol/index.js';
import { carryOut, readHead } from '../../ts/repository/shell/index.js';
import { temporaryFolder } from '../support/database.js';
import { refuses } from '../support/errors.js';

async function place(t: ExecutionContext) {
  const [store, folder] = [memoryStore(), await temporaryFolder(t)];
  const opened = (branch: string, disk = branch, options: OpenOptions = {}) =>
    open(join(folder, disk), { store, branch, durability: 'remote', ...options });
  const names = async () => (await branchesIn(store)).map(({ name }) => name);
  const hints = async () =>
    (await readHead(store, headName('main')))?.pins.map(({ name, expiresMs }) => [name, expiresMs]);
  return { store, opened, names, hints };
}

test('nobody writes a tag, and it is read, copied, branched and removed like any branch', async (t) => {
  const { store, opened, names } = await place(t);
  const main = await opened('main');
  await main.put('a', '1');
  await main.checkpoint();
  await forkBranch(store, { parent: 'main', name: 'v1', at: null, kind: 'tag' });
  await main.put('a', '2');
  for (const standby of [false, true]) {
    const error = await refuses(t, 'COPPICE_READONLY', () => opened('v1', 'v1', { standby }), /make a branch of it/);
    t.deepEqual(error.details, { branch: 'v1' });
  }
  t.is((await readHead(store, headName('v1')))?.epoch, 0);
  const tag = await opened('v1', 'v1', { readOnly: true });
  t.is(await tag.get('a'), '1');
  await forkBranch(store, { parent: 'v1', name: 'of-v1', at: null });
  const branch = await opened('of-v1');
  await branch.put('b', '3');
  await branch.checkpoint();
  t.is(await branch.get('a'), '1');
  // What has grown from it outlives it.
  await removeBranch(store, 'v1');
  await branch.close();
  const again = await opened('of-v1', 'elsewhere');
  t.deepEqual(await again.entries().toArray(), [
    ['a', '1'],
    ['b', '3'],
  ]);
  t.deepEqual(await names(), ['main', 'of-v1']);
  await Promise.all([tag, again, main].map((db) => db.close()));
});

test('a branch that has expired goes with a checkpoint of its parent, and one that was given more time does not', async (t) => {
  const { store, opened, names, hints } = await place(t);
  const main = await opened('main');
  await main.put('a', '1');
  const past = Date.now() - 1;
  const future = Date.now() + 1e9;
  for (const [name, expiresMs] of [
    ['gone', past],
    ['kept', past],
    ['later', future],
    ['open', null],
  ] as const) {
    await forkBranch(store, { parent: 'main', name, at: null, expiresMs });
  }
  await expireBranch(store, 'kept', null);
  await expireBranch(store, 'open', past);
  t.deepEqual(await hints(), [
    ['gone', past],
    ['kept', undefined],
    ['later', future],
    ['open', past],
  ]);
  const db = await opened('open');
  await main.checkpoint();
  while ((await names()).length > 3) await setImmediate();
  t.deepEqual(await names(), ['kept', 'later', 'main']);
  t.deepEqual(await hints(), [
    ['kept', undefined],
    ['later', future],
  ]);
  await refuses(t, 'COPPICE_FENCED', () => db.put('b', 'lost'));
  await db.close().catch(() => {});
  await refuses(t, 'COPPICE_NOT_FOUND', () => expireBranch(store, 'gone', null), /no branch "gone"/);
  await main.close();
});

test('what the head of a branch says counts, and a pin that says it too early is put right', async (t) => {
  const { store, opened, names, hints } = await place(t);
  const main = await opened('main');
  await main.put('a', '1');
  await forkBranch(store, { parent: 'main', name: 'b', at: null, expiresMs: 10 });
  // Whoever gives it more time is killed before its pin says so.
  const head = await readHead(store, headName('b'));
  await store.put(headName('b'), Buffer.from(JSON.stringify({ ...head, nonce: 'more', expiresMs: 30 })));
  await carryOut(store, removeDue(new Hand('sweeper'), ['b'], 20));
  t.deepEqual(await hints(), [['b', 30]]);
  t.is(await carryOut(store, removeExpired(new Hand('early'), 'b', 29)), null);
  t.is(await carryOut(store, removeExpired(new Hand('late'), 'b', 30)), head?.branchId as string);
  t.deepEqual(await names(), ['main']);
  t.deepEqual(await hints(), []);
  await main.close();
});
