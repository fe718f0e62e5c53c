import { join } from 'node:path';
import test from 'ava';
import { open } from '../../ts/index.js';
import { fill, temporaryDatabase, temporaryFolder } from '../support/database.js';
import { refuses } from '../support/errors.js';

test('a range delete is one commit of a delete for each key, and says how many', async (t) => {
  const db = await temporaryDatabase(t, { history: true });
  await fill(db, ['a', 'b', 'c', 'd']);
  const deleting = db.delRange({ gte: 'b', lt: 'd' });
  const after = db.put('c', 'again');
  t.deepEqual(await deleting, { ok: true, revision: 3, deleted: 2 });
  t.deepEqual(await after, { ok: true, revision: 4 });
  t.deepEqual(await db.keys().toArray(), ['a', 'c', 'd']);
  t.deepEqual(await db.keys({ at: 3 }).toArray(), ['a', 'd']);
  t.deepEqual(await db.keys({ at: 2 }).toArray(), ['a', 'b', 'c', 'd']);
  t.deepEqual(
    (await db.history('c').toArray()).map(({ type, revision }) => [type, revision]),
    [
      ['put', 4],
      ['del', 3],
      ['put', 2],
    ],
  );
  t.deepEqual(
    await db.batch([
      { type: 'delRange', prefix: 'a' },
      { type: 'put', key: 'a', value: '1' },
    ]),
    {
      ok: true,
      revision: 5,
      deleted: 1,
    },
  );
  t.deepEqual(await db.delRange({ gte: 'x' }, { count: true }), { ok: true, revision: 5, deleted: 0 });
  t.is((await db.del('never there')).revision, 5);
  t.is((await db.put('next', '')).revision, 6);
});

test('a batch with conditions and a range is refused or committed as any other', async (t) => {
  const db = await temporaryDatabase(t, { history: true });
  await fill(db, ['a', 'b']);
  const refused = await db.batch().check({ key: 'a', revision: 1 }, { key: 'c', revision: null }).delRange({}).write();
  t.deepEqual(refused, { ok: false, conflicts: [{ key: 'a', revision: 2 }], revision: 2 });
  const done = await db.batch().check({ key: 'a', revision: 2 }).delRange({}).put('b', '1').write();
  t.deepEqual(done, { ok: true, revision: 3, deleted: 2 });
  t.deepEqual(await db.getEntry('b'), { key: 'b', value: '1', revision: 3, createRevision: 3, version: 1 });
});

test('a range whose deletes are too many for one commit is refused, and nothing is written', async (t) => {
  const db = await temporaryDatabase(t, { history: true });
  const pad = 'x'.repeat(4_000);
  for (let i = 0; i < 9_000; i += 1_000) {
    await db.batch(Array.from({ length: 1_000 }, (_, j) => ({ type: 'put', key: `${i + j} ${pad}`, value: '' })));
  }
  const before = db.revision;
  await refuses(t, 'COPPICE_TOO_LARGE', () => db.delRange({}), /delete it in parts/);
  t.is(db.revision, before);
  t.is((await db.delRange({ lt: '5' })).deleted, 4_445);
  t.is(db.revision, before + 1);
});

test('writes whose keys have to be read from the disk keep their order, and each gets its version', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  const filled = await open(path, { history: true });
  await filled.batch(Array.from({ length: 2_000 }, (_, i) => ({ type: 'put', key: `${i}`, value: 'x'.repeat(100) })));
  await filled.close();
  // Its tables were not read yet, so the first writes have to wait for them.
  const db = await open(path, { durability: 'process' });
  const writes = [];
  for (let i = 0; i < 50; i++) writes.push(db.put('7', `${i}`), db.del(`${100 + i}`), db.put(`new ${i}`, ''));
  writes.push(db.batch().check({ key: '7', revision: null }).put('7', 'refused').write());
  writes.push(db.delRange({ prefix: 'new ' }));
  const answers = await Promise.all(writes);
  t.is(answers.filter(({ ok }) => !ok).length, 1);
  t.deepEqual(
    answers.slice(0, 150).map(({ revision }) => revision),
    Array.from({ length: 150 }, (_, i) => 3 + i),
  );
  t.like(answers.at(-1), { ok: true, deleted: 50 });
  t.like(await db.getEntry('7'), { value: '49', createRevision: 2, version: 51 });
  t.is((await db.verify()).problems.length, 0);
  await db.close();
});

test('large values have versions, and stay while their revisions do', async (t) => {
  const db = await temporaryDatabase(t, { history: true });
  for (const letter of ['a', 'b']) await db.put('k', letter.repeat(1_200_000));
  await db.flush();
  t.is((await db.get('k', { at: 2 }))?.[0], 'a');
  t.like(await db.getEntry('k'), { revision: 3, createRevision: 2, version: 2 });
  await db.trim(3);
  await db.compact();
  t.is((await db.get('k', { at: 3 }))?.length, 1_200_000);
  t.is(db.stats().blobs.garbageBytes, 0);
});

test('a write that another thread commits can be given up only before', async (t) => {
  const db = await temporaryDatabase(t, { history: true });
  await fill(db, ['a', 'b']);
  const gone = new AbortController();
  const first = db.delRange({ gte: 'a' }, { signal: gone.signal });
  const second = db.delRange({ gte: 'b' }, { signal: gone.signal });
  gone.abort();
  await refuses(t, 'COPPICE_ABORTED', () => second);
  const outcome = await t.throwsAsync(first, { code: 'COPPICE_UNKNOWN_OUTCOME' });
  t.like(outcome, { details: { revision: 3 } });
  await db.waitFor(3, 'disk');
  t.deepEqual(await db.keys().toArray(), []);
  t.is(db.pressure().queuedWrites, 0);
});

test('a database keeps what retain says', async (t) => {
  const db = await temporaryDatabase(t, { history: true, retain: { revisions: 100 } });
  for (let i = 0; i < 1_000; i++) await db.put('k', `${i}`);
  t.is(await db.get('k', { at: db.revision - 99 }), '900');
  await refuses(t, 'COPPICE_COMPACTED', () => db.get('k', { at: db.revision - 110 }));
  await db.compact();
  const { history } = db.stats();
  t.true(history !== undefined && history.versions >= 100 && history.versions <= 107);
  t.regex(db.metrics(), /coppice_trim_revision\{/);
});

test('what was trimmed stays trimmed, and copies have it too', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'db');
  const db = await open(path, { history: true });
  for (let i = 0; i < 10; i++) await db.put('k', `${i}`);
  await db.trim(6);
  await db.checkpoint({ to: join(folder, 'checkpoint') });
  await db.backup({ to: join(folder, 'backup') });
  await db.close();
  for (const name of ['db', 'checkpoint', 'backup']) {
    await using copy = await open(join(folder, name), { readOnly: true });
    t.is(await copy.get('k', { at: 6 }), '4');
    await refuses(t, 'COPPICE_COMPACTED', () => copy.get('k', { at: 5 }));
    await refuses(t, 'COPPICE_READONLY', () => copy.trim(7));
    t.is((await copy.history('k').toArray()).length, 6);
  }
});

test('a delete that has to wait for the disk, to find out whether there is a key, is a commit like any other', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  const written = await open(path, { history: true });
  await fill(written, ['a', 'b']);
  await written.close();
  // Not even the index of its table is in memory.
  const db = await open(path);
  t.deepEqual(await db.del('a'), { ok: true, revision: 3 });
  t.deepEqual(await db.keys().toArray(), ['b']);
  await db.close();
  const cold = await open(path);
  t.deepEqual(await Promise.all([cold.del('a'), cold.del('b')]), [
    { ok: true, revision: 3 },
    { ok: true, revision: 4 },
  ]);
  t.deepEqual(await cold.keys().toArray(), []);
  await cold.close();
});
