/** Names that are given to other branches, with engines and a store: what is in them, who comes along, and what becomes of the rest. */

import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { type Database, memoryStore, type ObjectStore, type OpenOptions, open } from '../../ts/index.js';
import { forkBranch, mendBranch, removeBranch, replaceBranch } from '../../ts/repository/branches.js';
import { branchesIn, forkPoint } from '../../ts/repository/index.js';
import { Hand, headName, replace, retiredName } from '../../ts/repository/protocol/index.js';
import { carryOut, readHead } from '../../ts/repository/shell/index.js';
import { verifyBranch } from '../../ts/repository/verify.js';
import { temporaryFolder } from '../support/database.js';
import { refuses } from '../support/errors.js';
import { dyingAfter } from './dying.js';

type Texts = Database<string, string>;
const all = (db: Texts) => db.entries().toArray();

async function place(t: ExecutionContext, store: ObjectStore = memoryStore()) {
  const folder = await temporaryFolder(t);
  const opened = (branch: string, disk = branch, options: OpenOptions = {}): Promise<Texts> =>
    open(join(folder, disk), { store, branch, durability: 'remote', ...options });
  const names = async () => (await branchesIn(store)).map(({ name }) => name);
  const head = (name: string) => readHead(store, headName(name));
  const objects = async (prefix: string) => {
    const found: string[] = [];
    for await (const { key } of store.list(prefix)) found.push(key);
    return found;
  };
  return { store, opened, names, head, objects };
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await setTimeout(5);
}

test('a branch is set back: its owner is fenced, its disks and replicas come along, its branches stay what they were', async (t) => {
  const { store, opened, names, head } = await place(t);
  const main = await opened('main');
  await main.put('a', '1');
  await main.checkpoint();
  const { revision } = await main.put('a', '2');
  await main.put('a', '3');
  await forkBranch(store, { parent: 'main', name: 'child', at: null });
  await main.put('b', 'main');
  const replica = await opened('main', 'replica', { readOnly: true, pollMs: 10 });
  t.is(await replica.get('b'), 'main');

  const known = { branchId: (await head('main'))?.branchId as string, to: 99, revision: 99 };
  const after = await replaceBranch(store, { name: 'main', from: 'main', at: { revision } });
  t.deepEqual(after.lineage, [known.branchId]);
  await refuses(t, 'COPPICE_FENCED', () => main.put('b', 'lost'));
  await main.close().catch(() => {});
  await until(async () => (await replica.get('a').catch(() => '')) === '2');
  t.is(await replica.get('b'), undefined);

  const again = await opened('main');
  t.deepEqual(await all(again), [['a', '2']]);
  t.is((await again.put('c', 'new')).revision, revision + 1);
  await until(async () => (await replica.get('c').catch(() => '')) === 'new');
  const child = await opened('child');
  t.is(await child.get('a'), '3');
  t.is(await forkPoint(store, 'main', 'child'), revision);
  t.deepEqual(await names(), ['child', 'main']);
  // What the owner before knew says nothing of the branch that there is now.
  await forkBranch(store, { parent: 'main', name: 'other', at: null, known });
  const other = await opened('other');
  t.deepEqual(await all(other), [
    ['a', '2'],
    ['c', 'new'],
  ]);
  for (const name of ['main', 'child', 'other']) t.deepEqual((await verifyBranch(store, name, true)).problems, []);
  await Promise.all([replica, again, child, other].map((db) => db.close()));
});

test('a branch takes the place of another; when nobody needs the one before nothing is left of it but fences', async (t) => {
  const { store, opened, head, objects } = await place(t);
  const main = await opened('main');
  await main.put('a', 'old');
  await main.checkpoint();
  const before = (await head('main'))?.branchId as string;
  await forkBranch(store, { parent: 'main', name: 'next', at: null });
  const next = await opened('next');
  await next.put('a', 'new');
  await next.close();
  await replaceBranch(store, { name: 'main', from: 'next', at: null });
  await main.close().catch(() => {});
  const again = await opened('main');
  t.deepEqual(await all(again), [['a', 'new']]);
  await removeBranch(store, 'next');
  const retired = retiredName('main', before);
  t.is((await head(retired))?.state, 'deleted');
  // Once everything has been rewritten the branch needs nothing of others.
  await again.compact();
  for (let n = 0; n < 8 && (await head(retired))?.state !== 'gone'; n++) {
    await again.put('n', String(n));
    await again.checkpoint();
    await again.compact();
    await setTimeout(20);
  }
  t.is((await head(retired))?.state, 'gone');
  t.true((await objects(`d/${before}/`)).every((key) => key.includes('/wal/')));
  t.deepEqual((await head('main'))?.origin?.state, 'released');
  await again.close();
});

test('all that was acknowledged of a branch is in the tag that is kept of it, whatever it has grown from', async (t) => {
  const { store, opened, names } = await place(t);
  const main = await opened('main');
  await main.put('a', '1');
  await main.checkpoint();
  for (const name of ['written', 'opened', 'closed']) await forkBranch(store, { parent: 'main', name, at: null });
  const dbs = [main];
  for (const name of ['written', 'opened']) dbs.push(await opened(name));
  await dbs[1]?.put('b', 'written');
  await main.put('b', 'main');
  for (const [name, value] of Object.entries({
    main: 'main',
    written: 'written',
    opened: undefined,
    closed: undefined,
  })) {
    const keep = `before-${name}`;
    await replaceBranch(store, { name, from: 'main', at: { revision: 2 }, keep });
    const tag = await opened(keep, keep, { readOnly: true });
    t.is(await tag.get('b'), value);
    t.is(await tag.get('a'), '1');
    await tag.close();
    t.deepEqual((await verifyBranch(store, keep, true)).problems, []);
    await refuses(t, 'COPPICE_EXISTS', () => replaceBranch(store, { name, from: 'main', at: { revision: 2 }, keep }));
  }
  t.is((await names()).length, 8);
  const again = await opened('written', 'again');
  t.deepEqual(await all(again), [['a', '1']]);
  await again.close();
  await Promise.all(dbs.map((db) => db.close().catch(() => {})));
});

test('a replacement that is killed between any two requests has happened or has not, and is finished by a mend', async (t) => {
  for (let requests = 1; ; requests++) {
    const { store, opened, head } = await place(t);
    const main = await opened('main');
    const { revision } = await main.put('a', '1');
    await main.put('a', '2');
    const before = (await head('main'))?.branchId as string;
    const job = replace(new Hand(`hand ${requests}`), { name: 'main', from: 'main', at: { revision } });
    const isKilled = await carryOut(store, dyingAfter(requests, job)).then(
      () => false,
      () => true,
    );
    await mendBranch(store, 'main');
    const now = await head('main');
    const isReplaced = now?.branchId !== before;
    t.is(now?.retiring, null);
    if (isReplaced) {
      t.truthy((await head(retiredName('main', before)))?.fences);
      await refuses(t, 'COPPICE_FENCED', () => main.put('b', 'lost'));
    }
    await main.close().catch(() => {});
    const again = await opened('main');
    t.is(await again.get('a'), isReplaced ? '1' : '2');
    await again.close();
    if (!isKilled) return t.true(requests > 6 && isReplaced);
  }
});

test('a branch of which many have grown is replaced: their pins go along, and lists that nobody names go', async (t) => {
  const { store, opened, head, objects } = await place(t);
  const main = await opened('main');
  await main.put('a', '1');
  await main.checkpoint();
  await main.close();
  for (let n = 0; n < 70; n++) await forkBranch(store, { parent: 'main', name: `b${n}`, at: null });
  const before = (await head('main'))?.branchId as string;
  const lists = () => objects(`d/${before}/lists/`);
  t.is((await lists()).length, 1);
  const job = replace(new Hand('hand'), { name: 'main', from: 'main', at: null });
  await t.throwsAsync(carryOut(store, dyingAfter(2, job)), { message: 'killed' });
  t.is((await head('main'))?.retiring?.pins.length, 71);
  const bytes = (await store.get(headName('main')))?.body.length ?? 0;
  t.true(bytes < 64 << 10, `${bytes}`);
  // Another branch grows meanwhile; then one of before goes, by which the replacement is helped on.
  await forkBranch(store, { parent: 'main', name: 'c', at: null });
  await removeBranch(store, 'b0');
  t.is((await head(retiredName('main', before)))?.pins.length, 70);
  await mendBranch(store, 'main');
  t.is((await head('main'))?.retiring, null);
  t.is((await lists()).length, 1);
  for (let n = 1; n < 70; n++) await removeBranch(store, `b${n}`);
  for (const name of ['c', 'main']) await removeBranch(store, name);
  t.is((await head(retiredName('main', before)))?.state, 'gone');
  t.deepEqual(await lists(), []);
});

test('a branch is replaced whatever its name is, and its retired name is an object as well', async (t) => {
  const { store, opened, head } = await place(t);
  const main = await opened('main');
  await main.put('a', '1');
  await main.checkpoint();
  for (const name of ['=7e', 'A/../b', 'x'.repeat(60), 'é'.repeat(30), '💥'.repeat(15)]) {
    const { branchId } = await forkBranch(store, { parent: 'main', name, at: null });
    const { lineage } = await replaceBranch(store, { name, from: 'main', at: null });
    t.deepEqual(lineage, [branchId]);
    t.is((await head(retiredName(name, branchId)))?.state, 'gone');
    t.is((await head(name))?.retiring, null);
    await removeBranch(store, name);
  }
  t.deepEqual((await head('main'))?.pins, []);
  await main.close();
});

test('what cannot be replaced is refused', async (t) => {
  const { store, opened } = await place(t);
  const main = await opened('main');
  const { revision } = await main.put('a', '1');
  const replaced = (name: string, from: string, at: number | null) =>
    replaceBranch(store, { name, from, at: at === null ? null : { revision: at } });
  await refuses(t, 'COPPICE_NOT_FOUND', () => replaced('none', 'main', null), /no branch "none"/);
  await refuses(t, 'COPPICE_NOT_FOUND', () => replaced('main', 'none', null), /no branch "none"/);
  await refuses(t, 'COPPICE_FUTURE_REVISION', () => replaced('main', 'main', revision + 1));
  await refuses(t, 'COPPICE_INVALID', () => opened('main~1', 'other'), /without "~"/);
  t.is((await main.put('a', '2')).revision, revision + 1);
  await main.close();
});
