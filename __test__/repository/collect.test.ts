import { join } from 'node:path';
import test from 'ava';
import { collect, createBranch, memoryStore, type OpenOptions, open } from '../../ts/index.js';
import { expireBranch, removeBranch } from '../../ts/repository/branches.js';
import { fork, Hand, headName, manifestName, slotName, tableName } from '../../ts/repository/protocol/index.js';
import { carryOut, readHead } from '../../ts/repository/shell/index.js';
import { verifyBranch } from '../../ts/repository/verify.js';
import { temporaryFolder } from '../support/database.js';
import { refuses } from '../support/errors.js';

const KEPT: OpenOptions = { durability: 'remote', checkpoint: { keep: 0, keepMs: 0 } };

test('of a branch that nobody has open goes what no checkpoint names, and nothing else', async (t) => {
  const [store, folder] = [memoryStore(), await temporaryFolder(t)];
  const db = await open(join(folder, 'a'), { ...KEPT, store });
  for (const key of ['a', 'b', 'c']) {
    await db.put(key, key);
    await db.checkpoint();
  }
  const [epoch, n, sha256] = [1, 900, '0'.repeat(64)];
  const { branchId } = (await readHead(store, headName('main'))) as { branchId: string };
  const late = [manifestName(branchId, { epoch, n }), tableName({ branchId, epoch, n: n + 1, sha256 })];
  for (const key of late) await store.put(key, Buffer.from('late'));
  t.deepEqual(await collect(store), [{ name: 'main', state: 'owned', objects: 0, bytes: 0 }]);
  await db.close();
  const would = await collect(store, { dryRun: true });
  t.deepEqual(would, [{ name: 'main', state: 'collected', objects: 2, bytes: 8 }]);
  t.deepEqual(await collect(store, { branch: 'main' }), would);
  t.deepEqual(await collect(store), [{ name: 'main', state: 'collected', objects: 0, bytes: 0 }]);
  t.deepEqual((await verifyBranch(store, 'main', true)).problems, []);
  const again = await open(join(folder, 'b'), { ...KEPT, store });
  t.deepEqual(await again.keys().toArray(), ['a', 'b', 'c']);
  await again.close();
  await refuses(t, 'COPPICE_NOT_FOUND', () => collect(store, { branch: 'none' }));
});

test('what a branch has grown from stays when its parent is collected', async (t) => {
  const [store, folder] = [memoryStore(), await temporaryFolder(t)];
  const db = await open(join(folder, 'a'), { ...KEPT, store });
  const { revision } = await db.put('a', 'before');
  await db.checkpoint();
  await createBranch(store, 'then', { at: revision });
  await db.put('a', 'after');
  await db.compact();
  await db.close();
  await collect(store);
  const then = await open(join(folder, 'then'), { ...KEPT, store, branch: 'then' });
  t.is(await then.get('a'), 'before');
  await then.close();
});

test('what killed jobs and late uploads have left goes, and so do branches whose time has come', async (t) => {
  const [store, folder] = [memoryStore(), await temporaryFolder(t)];
  const db = await open(join(folder, 'a'), { ...KEPT, store });
  await db.put('a', '1');
  await db.checkpoint();
  await createBranch(store, 'over');
  await createBranch(store, 'dropped');
  const { branchId } = (await readHead(store, headName('dropped'))) as { branchId: string };
  await (await open(join(folder, 'd'), { ...KEPT, store, branch: 'dropped' })).close();
  await removeBranch(store, 'dropped');
  const late = slotName(branchId, 50);
  await store.put(late, Buffer.from('late'));
  await expireBranch(store, 'over', Date.now() - 1);
  // Killed when the parent has said that it is needed.
  const forking = fork(new Hand('x'), { parent: 'main', name: 'never', at: null });
  let answers = 0;
  const dying = { next: (answer: never) => (answers++ < 2 ? forking.next(answer) : { done: true, value: null }) };
  await carryOut(store, dying as never);
  await db.close();

  t.deepEqual(
    (await collect(store, { dryRun: true })).map(({ name, state, objects }) => [name, state, objects]),
    [
      ['dropped', 'dropped', 1],
      ['main', 'collected', 0],
      ['over', 'expired', 0],
    ],
  );
  const found = await collect(store);
  t.deepEqual(
    found.map(({ name, state, objects }) => [name, state, objects]),
    [
      ['dropped', 'dropped', 1],
      ['main', 'collected', 0],
      ['over', 'expired', 0],
    ],
  );
  t.is(await store.get(late), undefined);
  t.deepEqual((await readHead(store, headName('main')))?.pins, []);
  t.is((await readHead(store, headName('over')))?.state, 'gone');
  const fences = (await readHead(store, headName('dropped')))?.fences ?? [];
  for (const slot of fences) t.truthy(await store.get(slotName(branchId, slot)));
  t.true(fences.length > 0);
});
