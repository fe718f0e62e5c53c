/** Tags, and branches that go by themselves, as programs and the command line make them. */

import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import {
  createBranch,
  createTag,
  dropBranch,
  dropTag,
  expireBranch,
  fsStore,
  listBranches,
  listTags,
  type ObjectStore,
  open,
} from '../ts/index.js';
import { coppice } from './support/command.js';
import { temporaryFolder } from './support/database.js';
import { refuses } from './support/errors.js';

async function place(t: ExecutionContext) {
  const top = await temporaryFolder(t);
  const store = fsStore(join(top, 'store'));
  const opened = async (branch: string, more: object = {}) => {
    const db = await open(join(top, branch), { store, branch, ...more });
    t.teardown(() => db.close());
    return db;
  };
  return { top, store, opened, db: await opened('main', { durability: 'remote' }) };
}

const names = async (listed: Promise<{ name: string }[]>) => (await listed).map(({ name }) => name);

test('a tag keeps what was there, whatever is done elsewhere, and nobody writes it', async (t) => {
  const { store, opened, db } = await place(t);
  await db.put('a', 'A');
  await db.put('b', 'B');
  const { revision } = db;
  await db.tag('v1');
  await createTag(store, 'v0', { at: revision - 1 });
  await db.del('a');
  for (let n = 0; n < 3; n++) await db.checkpoint();
  t.deepEqual(await names(db.tags()), ['v0', 'v1']);
  t.deepEqual(await names(db.branches()), ['main']);
  t.like((await listTags(store))[1], { name: 'v1', of: 'main', at: { revision }, expiresAt: null });
  await refuses(t, 'COPPICE_READONLY', () => opened('v1'), /"v1" in .* is a tag, which nobody writes/);
  const v1 = await opened('v1', { readOnly: true });
  t.deepEqual(await v1.entries().toArray(), [
    ['a', 'A'],
    ['b', 'B'],
  ]);
  const differ: string[] = [];
  for await (const { key } of db.diff('v1')) differ.push(key);
  t.deepEqual(differ, ['a']);
  await createBranch(store, 'from-v0', { from: 'v0' });
  await db.dropTag('v0');
  t.deepEqual(await (await opened('from-v0')).entries().toArray(), [['a', 'A']]);
  await refuses(t, 'COPPICE_NOT_FOUND', () => dropBranch(store, 'v1'), /"v1" in .* is a tag, not a branch/);
  await refuses(t, 'COPPICE_NOT_FOUND', () => dropTag(store, 'from-v0'), /is a branch, not a tag/);
  await refuses(t, 'COPPICE_EXISTS', () => createTag(store, 'from-v0'), /there is a branch "from-v0"/);
  t.like(await dropTag(store, 'v1', { dryRun: true }), { name: 'v1', of: 'main' });
  t.deepEqual(await names(listTags(store)), ['v1']);
});

/** Until the owner of the parent has looked after a checkpoint. */
async function goes(db: { checkpoint(): Promise<unknown> }, store: ObjectStore, name: string): Promise<void> {
  const isThere = async () => [...(await names(listBranches(store))), ...(await names(listTags(store)))].includes(name);
  while (await isThere()) {
    await db.checkpoint();
    await setTimeout(5);
  }
}

test('branches and tags go when their time has come, and not when they were given more', async (t) => {
  const { store, db, opened } = await place(t);
  await db.put('a', '1');
  await createBranch(store, 'long', { ttl: '1d' });
  await createBranch(store, 'extended', { ttl: 1 });
  await expireBranch(store, 'extended', { expiresAt: new Date(Date.now() + 3_600_000) });
  await db.tag('kept', { ttl: 1 });
  await expireBranch(store, 'kept');
  const short = await db.branch('short', { ttl: 1 });
  t.teardown(() => short.close());
  await createTag(store, 'gone', { ttl: 1 });
  await goes(db, store, 'short');
  await goes(db, store, 'gone');
  t.deepEqual(await names(listBranches(store)), ['extended', 'long', 'main']);
  t.deepEqual(await names(listTags(store)), ['kept']);
  await refuses(t, 'COPPICE_FENCED', () => short.put('a', '2').then(() => short.checkpoint()));
  await createBranch(store, 'short');
  t.is(await (await opened('short')).get('a'), '1');
  await refuses(t, 'COPPICE_NOT_FOUND', () => expireBranch(store, 'none', { ttl: '1d' }), /no branch "none"/);
  const both = { ttl: '1d', expiresAt: new Date() };
  await refuses(t, 'COPPICE_INVALID', () => createBranch(store, 'b', both), /ttl or expiresAt, not both/);
});

test('the command line makes, lists and drops tags, and says when branches go', async (t) => {
  const { top, db } = await place(t);
  await db.put('a', '1');
  const at = join(top, 'store');
  const lines = async (...args: string[]) => (await coppice(args)).out;
  t.regex(await lines('tag', at, 'v1', '--at', `${db.revision}`), /made v1/);
  t.regex(await lines('tag', at), new RegExp(`v1 +main +revision ${db.revision}\\n`));
  t.regex(await lines('status', at), /v1\ta tag of main/);
  t.regex(await lines('branch', at, 'pr', '--from', 'v1', '--ttl', '7d'), /made pr/);
  const [, pr] = JSON.parse(`[${(await lines('branch', at, '--json')).trim().split('\n').join(',')}]`);
  t.true(Date.parse(pr.expiresAt) > Date.now() + 6 * 86_400_000);
  t.regex(await lines('branch', at, 'pr', '--expire', 'never'), /pr stays/);
  t.regex(await lines('branch', at), /pr +v1 +\S+ \S+ +\S+ \S+\n/);
  t.regex(await lines('tag', at, 'v1', '--drop', '--dry-run'), /would drop v1/);
  t.regex(await lines('tag', at, 'v1', '--drop'), /dropped v1/);
  t.is((await coppice(['tag', at])).code, 1);
  for (const args of [['--drop'], ['v2', '--dry-run'], ['v2', '--drop', '--at', '1']])
    t.is((await coppice(['tag', at, ...args])).code, 2);
  t.is((await coppice(['branch', at, 'pr', '--expire', '1d', '--drop'])).code, 2);
});
