import test from 'ava';
import { fill, temporaryDatabase } from './support/database.js';
import { refuses } from './support/errors.js';

test('a chained batch is written as one commit', async (t) => {
  const db = await temporaryDatabase(t);
  await db.put('old', 'x');
  const batch = db.batch().put('a', '1').put('b', '2').del('old');
  t.is(batch.length, 3);
  t.true(batch.bytes > 0);
  t.is(await db.get('a'), undefined);
  const answer = await batch.write();
  t.deepEqual(answer, { ok: true, revision: 3 });
  t.deepEqual(await db.keys().toArray(), ['a', 'b']);
});

test('keys and values may change after they were added', async (t) => {
  const db = await temporaryDatabase(t, { keyEncoding: 'buffer', valueEncoding: 'buffer' });
  const bytes = Buffer.from('abc');
  const batch = db.batch().put(bytes, bytes);
  bytes.fill(0);
  await batch.write();
  t.is((await db.get(Buffer.from('abc')))?.toString(), 'abc');
});

test('a batch with conditions is written if all of them hold', async (t) => {
  const db = await temporaryDatabase(t);
  const { revision } = await db.put('a', '1');
  const answer = await db
    .batch()
    .check({ key: 'a', revision }, { key: 'b', revision: null })
    .put('a', '2')
    .put('b', '1')
    .write();
  t.deepEqual(answer, { ok: true, revision: revision + 1 });
});

test('a condition that does not hold is an answer with what was found, and nothing is written', async (t) => {
  const db = await temporaryDatabase(t);
  const { revision } = await db.put('a', '1');
  const { revision: newest } = await db.put('b', '1');
  const batch = db
    .batch()
    .check({ key: 'b', revision }, { key: 'a', revision }, { key: 'c', revision: BigInt(revision) });
  const answer = await batch.put('a', 'lost').write();
  t.deepEqual(answer, {
    ok: false,
    conflicts: [
      { key: 'b', revision: newest },
      { key: 'c', revision: null },
    ],
    revision: newest,
  });
  t.is(await db.get('a'), '1');
});

test('a deleted or expired key counts as absent in a condition', async (t) => {
  const db = await temporaryDatabase(t);
  await db.put('deleted', '1');
  await db.del('deleted');
  await db.put('expired', '1', { expiresAt: new Date(Date.now() - 1) });
  const absent = ['deleted', 'expired'].map((key) => ({ key, revision: null }));
  t.true(
    (
      await db
        .batch()
        .check(...absent)
        .put('x', '1')
        .write()
    ).ok,
  );
});

test('conditions alone are judged and take no revision', async (t) => {
  const db = await temporaryDatabase(t);
  const { revision } = await db.put('a', '1');
  t.deepEqual(await db.batch().check({ key: 'a', revision }).write(), { ok: true, revision });
  t.false((await db.batch().check({ key: 'a', revision: null }).write()).ok);
  t.is(db.revision, revision);
});

test('of many writers that increment with conditions no increment is lost', async (t) => {
  const db = await temporaryDatabase(t);
  await db.put('n', '0');
  const increment = async () => {
    for (;;) {
      const entry = await db.getEntry('n');
      const next = String(Number(entry?.value) + 1);
      await null;
      const answer = await db
        .batch()
        .check({ key: 'n', revision: entry?.revision ?? null })
        .put('n', next)
        .write();
      if (answer.ok) return;
    }
  };
  await Promise.all(Array.from({ length: 50 }, increment));
  t.is(await db.get('n'), '50');
});

test('clear removes operations and conditions', async (t) => {
  const db = await temporaryDatabase(t);
  const batch = db.batch().put('a', '1').check({ key: 'x', revision: 1 }).clear().put('b', '1');
  t.is(batch.length, 1);
  t.true((await batch.write()).ok);
  t.deepEqual(await db.keys().toArray(), ['b']);
});

test('two batches that are filled in turn do not mix', async (t) => {
  const db = await temporaryDatabase(t);
  const one = db.batch();
  const other = db.batch();
  for (let i = 0; i < 100; i++) {
    one.put(`one${i}`, '1');
    other.put(`other${i}`, '2');
    await db.batch([{ type: 'put', key: 'between', value: String(i) }]);
  }
  await other.write();
  t.is(await db.count(), 101);
  await one.write();
  t.is(await db.count({ prefix: 'one' }), 100);
  t.is(await db.count({ prefix: 'other' }), 100);
});

test('a batch is used once', async (t) => {
  const db = await temporaryDatabase(t);
  const batch = db.batch().put('a', '1');
  await batch.write();
  for (const use of [() => batch.write(), () => batch.put('b', '1'), () => batch.del('b'), () => batch.clear()]) {
    await refuses(t, 'COPPICE_CLOSED', use, /this batch is closed/);
  }
  t.is(batch.length, 0);
  batch.close();
  const discarded = db.batch().put('c', '1');
  discarded.close();
  await refuses(t, 'COPPICE_CLOSED', () => discarded.write());
  t.deepEqual(await db.keys().toArray(), ['a']);
});

test('a refused operation leaves the batch as it was', async (t) => {
  const db = await temporaryDatabase(t);
  const batch = db.batch().put('a', '1');
  await refuses(t, 'COPPICE_INVALID', () => batch.put('b', 1 as never), /^value must be a string/);
  await refuses(t, 'COPPICE_INVALID', () => batch.put('b', 'x', { ttl: 'soon' }), /^ttl must be/);
  await refuses(t, 'COPPICE_TOO_LARGE', () => batch.put('b'.repeat(65_536), 'x'));
  await refuses(t, 'COPPICE_INVALID', () => batch.check({ key: 'a' } as never), /^revision must be/);
  await refuses(t, 'COPPICE_INVALID', () => batch.check({ key: 'a', revision: 0 }), /^revision must be/);
  await refuses(
    t,
    'COPPICE_INVALID',
    () => batch.check({ key: 'a', rev: 1 } as never),
    /unknown option "rev" of a check/,
  );
  await batch.put('c', '1').write();
  t.deepEqual(await db.keys().toArray(), ['a', 'c']);
});

test('a large batch is written whole', async (t) => {
  const db = await temporaryDatabase(t);
  const keys = Array.from({ length: 20_000 }, (_, i) => `key ${String(i).padStart(6, '0')}`);
  await fill(db, keys);
  t.deepEqual(await db.keys().toArray(), keys);
  t.is(db.revision, 2);
});
