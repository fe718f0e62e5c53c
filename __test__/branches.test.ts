import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import {
  createBranch,
  type Database,
  dropBranch,
  fsStore,
  listBranches,
  memoryStore,
  type ObjectStore,
  type OpenOptions,
  open,
  s3,
} from '../ts/index.js';
import { verifyBranch } from '../ts/repository/index.js';
import { coppice } from './support/command.js';
import { fill, temporaryDatabase, temporaryFolder } from './support/database.js';
import { newBucket, testWithServer } from './support/s3.js';

type Texts = Database<string, string>;

interface Place {
  readonly top: string;
  readonly store: ObjectStore;
  readonly db: Texts;
  opened(branch: string, path?: string, options?: OpenOptions): Promise<Texts>;
}

/** A database with a store; whatever is opened is closed when the test ends. */
async function place(t: ExecutionContext, options: OpenOptions = {}, store?: ObjectStore): Promise<Place> {
  const top = await temporaryFolder(t);
  const its = store ?? fsStore(join(top, 'store'));
  const opened: Place['opened'] = async (branch, path = branch, more = {}) => {
    const db = await open(join(top, path), { store: its, branch, durability: 'remote', ...more });
    t.teardown(() => db.close());
    return db as Texts;
  };
  return { top, store: its, db: await opened('main', 'db', options), opened };
}

async function branched(t: ExecutionContext, db: Texts, name: string, at?: number): Promise<Texts> {
  const branch = await db.branch(name, at === undefined ? {} : { at });
  t.teardown(() => branch.close());
  return branch;
}

const all = async (db: Texts) => Object.fromEntries(await db.entries().toArray());

test('a branch begins with what the database holds, and each goes its own way', async (t) => {
  const { db } = await place(t);
  await fill(db, ['a', 'b']);
  await db.checkpoint();
  await db.put('c', 'after the checkpoint');
  const branch = await branched(t, db, 'rehearsal');
  t.is(branch.path, `${db.path}@rehearsal`);
  const odd = await branched(t, db, '../feature/x');
  t.is(odd.path, `${db.path}@..%2Ffeature%2Fx`);
  t.deepEqual(await all(branch), { a: 'A', b: 'B', c: 'after the checkpoint' });
  await branch.del('a');
  await branch.put('b', 'changed');
  await db.put('d', 'only here');
  t.deepEqual(await all(branch), { b: 'changed', c: 'after the checkpoint' });
  t.deepEqual(await all(db), { a: 'A', b: 'B', c: 'after the checkpoint', d: 'only here' });
});

test('a branch begins at a revision, a time or a checkpoint', async (t) => {
  const { db, store, opened } = await place(t);
  await db.put('n', '1');
  const { revision } = await db.put('n', '2');
  await new Promise((resolve) => setTimeout(resolve, 5));
  const time = new Date();
  await new Promise((resolve) => setTimeout(resolve, 5));
  await db.put('n', '3');
  const checkpoint = await db.checkpoint();
  await db.put('n', '4');
  t.is(await (await branched(t, db, 'by-revision', revision)).get('n'), '2');
  await createBranch(store, 'by-time', { at: time });
  t.is(await (await opened('by-time')).get('n'), '2');
  await createBranch(store, 'by-checkpoint', { at: checkpoint });
  t.is(await (await opened('by-checkpoint')).get('n'), '3');
  await createBranch(store, 'of-a-branch', { from: 'by-time' });
  t.is(await (await opened('of-a-branch')).get('n'), '2');
});

test('branches are listed with what they share, and dropped', async (t) => {
  const { db, store, opened } = await place(t);
  await fill(db, ['a', 'b']);
  await db.checkpoint();
  const branch = await branched(t, db, 'feature');
  await branch.put('c', 'C');
  await branch.checkpoint();
  const [feature, main] = await listBranches(store);
  t.like(feature, { name: 'feature', parent: 'main', began: { revision: 2 } });
  t.true((feature?.sharedBytes ?? 0) > 0 && (feature?.ownBytes ?? 0) > 0);
  t.like(main, { name: 'main', parent: null, began: null, sharedBytes: 0 });
  t.is((await dropBranch(store, 'feature', { dryRun: true })).name, 'feature');
  t.is((await db.branches()).length, 2);
  await db.dropBranch('feature');
  await t.throwsAsync(branch.put('d', 'D'), { code: 'COPPICE_FENCED' });
  t.deepEqual(
    (await db.branches()).map(({ name }) => name),
    ['main'],
  );
  await createBranch(store, 'feature');
  t.deepEqual(await all(await opened('feature', 'again')), { a: 'A', b: 'B' });
});

test('another branch is compared and merged by its name, and no copy is left', async (t) => {
  for (const history of [true, false]) {
    const { db } = await place(t, { history });
    await fill(db, ['a', 'b', 'c']);
    await db.checkpoint();
    const idea = await branched(t, db, 'idea');
    await idea.put('a', 'theirs');
    await idea.del('b');
    await db.put('c', 'ours');
    await idea.put('d', 'theirs');
    const changes = (await db.diff('idea').toArray()).map(({ key, before, after }) => [
      key,
      before?.value,
      after?.value,
    ]);
    t.deepEqual(changes, [
      ['a', 'theirs', 'A'],
      ['b', undefined, 'B'],
      ['c', 'C', 'ours'],
      ['d', 'theirs', undefined],
    ]);
    t.like(await db.merge('idea'), { ok: true, changes: 3, resolved: 0 });
    t.deepEqual(await all(db), { a: 'theirs', c: 'ours', d: 'theirs' });
    await idea.put('c', 'theirs');
    await idea.close();
    const merged = await db.merge('idea');
    t.deepEqual(merged.ok ? [] : merged.conflicts.map(({ key, ours, theirs }) => [key, ours?.value, theirs?.value]), [
      ['c', 'ours', 'theirs'],
    ]);
    t.like(await db.merge('idea', { conflicts: 'theirs' }), { ok: true, changes: 1 });
    t.deepEqual(await readdir(join(db.path, '.repository/copies')), []);
    // The other way round: what has happened meanwhile is brought into a branch.
    const other = await branched(t, db, 'other');
    await db.put('e', 'new');
    t.like(await other.merge('main'), { ok: true, changes: 1 });
    t.is(await other.get('e'), 'new');
  }
});

test('a branch without a disk grows back, and so does a branch of a branch whose parents are gone', async (t) => {
  const { db, store, opened } = await place(t);
  await fill(db, ['a']);
  const one = await branched(t, db, 'one');
  await one.put('b', 'B');
  const two = await branched(t, one, 'two');
  await two.put('c', 'C');
  const three = await branched(t, two, 'three');
  await three.put('d', 'D');
  for (const each of [one, two, three]) await each.close();
  for (const name of ['one', 'two']) await dropBranch(store, name);
  await rm(three.path, { recursive: true });
  t.deepEqual(await all(await opened('three', 'elsewhere')), { a: 'A', b: 'B', c: 'C', d: 'D' });
});

test('what is asked for in vain is said', async (t) => {
  const { db, store } = await place(t);
  await db.put('a', '1');
  await branched(t, db, 'one');
  await t.throwsAsync(db.branch('one', { path: `${db.path}-x` }), { code: 'COPPICE_EXISTS' });
  await t.throwsAsync(db.branch('two', { at: 99 }), { code: 'COPPICE_FUTURE_REVISION' });
  await t.throwsAsync(db.branch('two', { at: 'now' as never }), { code: 'COPPICE_INVALID' });
  await t.throwsAsync(db.branch('two', { to: 'x' } as never), { code: 'COPPICE_INVALID', message: /"to"/ });
  await t.throwsAsync(db.dropBranch('main'), { code: 'COPPICE_INVALID' });
  await t.throwsAsync(db.dropBranch('none'), { code: 'COPPICE_NOT_FOUND' });
  await t.throwsAsync(createBranch(store, 'two', { from: 'none' }), { code: 'COPPICE_NOT_FOUND' });
  await t.throwsAsync(db.merge('none'), { code: 'COPPICE_NOT_FOUND' });
  await t.throwsAsync(db.diff('none').toArray(), { code: 'COPPICE_NOT_FOUND' });
  const plain = await temporaryDatabase(t);
  await t.throwsAsync(async () => plain.branch('one'), { code: 'COPPICE_UNSUPPORTED' });
  await t.throwsAsync(async () => plain.diff('one'), { code: 'COPPICE_UNSUPPORTED' });
});

test('a diff that is refused, or not read, leaves no copy', async (t) => {
  const { db } = await place(t);
  await fill(db, ['a']);
  await branched(t, db, 'idea');
  const copies = join(db.path, '.repository/copies');
  await t.throwsAsync(db.diff('idea', { reverse: true } as never).toArray(), { code: 'COPPICE_INVALID' });
  t.deepEqual(await readdir(copies), []);
  const unread = db.diff('idea');
  unread.close();
  await t.throwsAsync(unread.toArray(), { code: 'COPPICE_CLOSED' });
  t.deepEqual(await readdir(copies), []);
});

test('the tables of a branch are linked where its parent is on this machine', async (t) => {
  const store = memoryStore();
  let fetched = 0;
  const get = store.get.bind(store);
  store.get = (key, options) => {
    if (key.includes('/tables/')) fetched++;
    return get(key, options);
  };
  const { db } = await place(t, {}, store);
  await fill(db, ['a', 'b', 'c']);
  await db.checkpoint();
  const branch = await branched(t, db, 'here');
  t.deepEqual(await all(branch), { a: 'A', b: 'B', c: 'C' });
  t.is(fetched, 0);
  t.true((await branch.verify()).ok);
});

testWithServer('on a real server a branch is made, written, dropped and made again', async (t) => {
  const { db, store } = await place(t, {}, s3(await newBucket()));
  await fill(db, ['a', 'b']);
  await db.checkpoint();
  const branch = await branched(t, db, 'preview');
  await branch.put('c', 'C');
  t.deepEqual(await all(branch), { a: 'A', b: 'B', c: 'C' });
  t.like(await db.merge('preview'), { ok: true, changes: 1 });
  await branch.close();
  await db.dropBranch('preview');
  await createBranch(store, 'preview');
  t.deepEqual(
    (await listBranches(store)).map(({ name }) => name),
    ['main', 'preview'],
  );
});

test('on the command line branches are made, listed, compared, merged and dropped', async (t) => {
  const { top, db, store } = await place(t);
  await fill(db, ['a', 'b']);
  await db.checkpoint();
  await db.close();
  const { location } = store;
  const said = async (...words: string[]) => (await coppice(words)).out;
  t.is(await said('branch', location, 'idea', '--at', '2'), 'made idea: open it with the options store and branch\n');
  const idea = await open(join(top, 'idea'), { store, branch: 'idea', durability: 'remote' });
  await idea.put('a', 'theirs');
  await idea.close();
  t.regex(
    await said('branch', location),
    /^branch +grown from +at +shared +own +expires\nidea +main +revision 2 .*\nmain /,
  );
  t.is(await said('diff', location, 'main..idea', '--store'), '~ a\tA\ttheirs\n');
  t.regex(await said('merge', db.path, 'idea', '--store', location), /^merged idea: 1 keys, 0 conflicts decided/);
  const again = await open(db.path, { store, durability: 'remote' });
  t.is(await again.get('a'), 'theirs');
  await again.put('a', 'ours');
  await again.close();
  const refused = await coppice(['merge', db.path, 'idea', '--store', location]);
  t.deepEqual([refused.code, refused.out.split('\n')[0]], [1, '! a\tbase A\tours ours\ttheirs theirs']);
  t.is((await coppice(['merge', db.path, 'idea', '--store', location, '--theirs', '--json'])).code, 0);
  t.regex(await said('branch', location, 'idea', '--drop', '--dry-run'), /^would drop idea/);
  t.regex(await said('branch', location, 'idea', '--drop'), /^dropped idea/);
  t.is((await coppice(['branch', location, 'idea', '--drop'])).code, 3);
  for (const wrong of [
    ['branch', location, '--drop'],
    ['branch', location, 'x', '--dry-run'],
    ['merge', db.path, 'idea'],
  ]) {
    t.is((await coppice(wrong)).code, 2, wrong.join(' '));
  }
});

test('what a branch began with is its base also when its own log has been collected', async (t) => {
  const { db } = await place(t);
  await fill(db, ['a', 'b']);
  const past = db.revision;
  await db.put('a', 'ours');
  await db.checkpoint();
  const branch = await db.branch('idea', { at: past });
  t.teardown(() => branch.close());
  for (const key of ['b', 'c', 'd']) {
    await branch.put(key, 'theirs');
    await branch.checkpoint();
  }
  for (let n = 0; n < 4; n++) await branch.checkpoint();
  t.like(await db.merge('idea'), { ok: true, changes: 3 });
  t.deepEqual(await all(db), { a: 'ours', b: 'theirs', c: 'theirs', d: 'theirs' });
});

testWithServer('a branch that is detached needs nothing of its parent, which then goes wholly', async (t) => {
  const { top, db, store, opened } = await place(t, {}, s3(await newBucket()));
  await fill(db, ['a', 'b']);
  await db.checkpoint();
  const branch = await branched(t, db, 'own');
  await branch.put('c', 'C');
  await branch.checkpoint();
  await createBranch(store, 'through', { from: 'own', at: 2 });
  t.deepEqual(await branch.detach(), { ok: false, heldBy: ['through'] });
  await dropBranch(store, 'through');
  t.deepEqual(await branch.detach(), { ok: true, heldBy: [] });
  t.deepEqual(await branch.detach(), { ok: true, heldBy: [] });
  await db.close();
  const [main] = (await listBranches(store)).filter(({ name }) => name === 'main');
  await dropBranch(store, 'main');
  for await (const { key } of store.list(`d/${main?.id}/`)) t.regex(key, /\/wal\//);
  // Its name is free.
  await t.notThrowsAsync(createBranch(store, 'main', { from: 'own' }));
  t.deepEqual((await verifyBranch(store, 'own', true)).problems, []);
  t.like((await listBranches(store)).find(({ name }) => name === 'own') ?? {}, { sharedBytes: 0 });
  await branch.close();
  await rm(join(top, 'db@own'), { recursive: true });
  t.deepEqual(await all(await opened('own', 'elsewhere')), { a: 'A', b: 'B', c: 'C' });
});

test('on the command line a branch is detached that nobody has open', async (t) => {
  const { db, store } = await place(t);
  await fill(db, ['a']);
  await db.checkpoint();
  await createBranch(store, 'own');
  await t.throwsAsync((await temporaryDatabase(t)).detach(), { code: 'COPPICE_UNSUPPORTED' });
  t.is((await coppice(['branch', store.location, 'own', '--detach'])).out, 'own needs no other branch\n');
  t.is((await coppice(['branch', store.location, '--detach'])).code, 2);
  const [, own] = await listBranches(store);
  t.like(own, { name: 'own', sharedBytes: 0 });
  await db.close();
  await dropBranch(store, 'main');
  t.is((await coppice(['branch', store.location, 'main', '--from', 'own'])).code, 0);
});

test('what a branch has in common with one that wrote nothing before is all that this one had begun with', async (t) => {
  const { db, store, opened } = await place(t, { history: true });
  await fill(db, ['a', 'b']);
  await db.checkpoint();
  await db.put('a', 'after the checkpoint');
  const one = await branched(t, db, 'one');
  await createBranch(store, 'two', { from: 'one' });
  await one.put('a', 'changed in one');
  const two = await opened('two', 'two', { history: true });
  await two.put('b', 'changed in two');
  t.like(await one.merge('two'), { ok: true, changes: 1, resolved: 0 });
  t.deepEqual(await all(one), { a: 'changed in one', b: 'changed in two' });
});

test('a checkpoint goes on whose tables and manifest are stored though their puts were refused', async (t) => {
  const store = memoryStore();
  const put = store.put.bind(store);
  let refused = 0;
  store.put = async (key, body, options) => {
    if (/\/(tables|manifests)\//.test(key)) {
      refused++;
      // It is there, and whoever has put it hears of the second attempt only.
      await put(key, body, options).catch(() => {});
    }
    return put(key, body, options);
  };
  const { db } = await place(t, {}, store);
  await db.put('a', '1');
  t.is((await db.checkpoint()).revision, db.revision);
  t.true(refused > 1);
});
