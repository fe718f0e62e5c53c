import test from 'ava';
import { fill, temporaryDatabase } from '../support/database.js';
import { refuses } from '../support/errors.js';

test('a rollback before the commit discards everything, also twice', async (t) => {
  const db = await temporaryDatabase(t);
  const transaction = db.begin({ beforeImages: true });
  transaction.put('a', '1');
  t.is(await transaction.rollback(), undefined);
  t.is(await transaction.rollback(), undefined);
  t.is(db.revision, 1);
});

test('a rollback after the commit restores values and times of expiry as one commit', async (t) => {
  for (const history of [false, true]) {
    const db = await temporaryDatabase(t, { history });
    const expiresAt = new Date(Date.now() + 1_000_000);
    await fill(db, ['a', 'b', 'c', 'd']);
    await db.put('b', 'B', { expiresAt });
    const before = await db.records().toArray();
    const transaction = db.begin({ beforeImages: true });
    transaction.put('a', 'changed');
    transaction.del('b');
    transaction.put('e', 'new');
    transaction.delRange({ gte: 'c', lt: 'x' });
    transaction.put('d', 'again', { ttl: '1h' });
    const done = await transaction.commit();
    t.true(done.ok);
    t.deepEqual(await db.entries().toArray(), [
      ['a', 'changed'],
      ['d', 'again'],
    ]);
    t.is(await transaction.rollback(), undefined);
    t.is(db.revision, done.revision + 1);
    const shown = (records: typeof before) => records.map(({ key, value, expiresAt }) => ({ key, value, expiresAt }));
    t.deepEqual(shown(await db.records().toArray()), shown(before));
    t.is(await transaction.rollback(), undefined, 'harmless');
    t.is(db.revision, done.revision + 1);
  }
});

test('a rollback writes nothing if a key was changed since, and names it; it may be tried again', async (t) => {
  const db = await temporaryDatabase(t);
  await fill(db, ['a', 'b', 'c']);
  const transaction = db.begin({ beforeImages: true });
  transaction.put('a', '1');
  transaction.del('b');
  transaction.delRange({ gte: 'c' });
  t.true((await transaction.commit()).ok);
  const { revision } = await db.put('a', '2');
  const restored = await db.put('c', '3');
  t.deepEqual(await transaction.rollback(), {
    ok: false,
    conflicts: [
      { key: 'c', revision: restored.revision },
      { key: 'a', revision },
    ],
    revision: restored.revision,
  });
  t.is(await db.get('b'), undefined);
  t.true((await transaction.rollback())?.ok === false);
  transaction.release();
  await refuses(t, 'COPPICE_INVALID', () => transaction.rollback(), /beforeImages/);
  t.is(await db.get('a'), '2');
});

test('what has expired since is not restored', async (t) => {
  const db = await temporaryDatabase(t);
  const expiresAt = new Date(Date.now() + 500);
  await db.put('a', '1', { expiresAt });
  const transaction = db.begin({ beforeImages: true });
  transaction.put('a', '2');
  t.true((await transaction.commit()).ok);
  while (Date.now() <= expiresAt.getTime()) await new Promise((resolve) => setTimeout(resolve, 10));
  t.is(await transaction.rollback(), undefined);
  t.is(await db.getEntry('a'), undefined);
});

test('what is overwritten counts as read', async (t) => {
  const db = await temporaryDatabase(t);
  await fill(db, ['a', 'b']);
  for (const isolation of ['serializable', 'snapshot'] as const) {
    for (const key of ['a', 'b', 'c']) {
      const transaction = db.begin({ beforeImages: true, isolation });
      transaction.put('a', '1');
      transaction.delRange({ gte: 'b' });
      await db.put(key, isolation);
      const answer = await transaction.commit();
      t.deepEqual(answer.ok ? [] : answer.conflicts.map(({ key }) => key), [key]);
      t.is(await transaction.rollback(), undefined, 'nothing was committed');
      await db.del('c');
    }
  }
});

test('without beforeImages nothing is kept, and a rollback after the commit says so', async (t) => {
  const db = await temporaryDatabase(t);
  const transaction = db.begin();
  transaction.put('a', '1');
  t.true((await transaction.commit()).ok);
  await refuses(t, 'COPPICE_INVALID', () => transaction.rollback(), /begin it with beforeImages: true/);
  t.is(await db.get('a'), '1');
});

test('more than can be kept is refused, and nothing was written', async (t) => {
  const db = await temporaryDatabase(t);
  for (let i = 0; i < 40; i++) await db.put(`key${i}`, 'v'.repeat(900_000));
  const transaction = db.begin({ beforeImages: true });
  transaction.delRange({});
  await refuses(t, 'COPPICE_TOO_LARGE', () => transaction.commit(), /in what it overwrites/);
  t.is(await db.count(), 40);
  t.is(db.stats().snapshots, 0);
});

test('what was kept can be put back, however small the rows are', async (t) => {
  const db = await temporaryDatabase(t);
  for (let i = 0; i < 41; i++) await db.put(`large${i}`, 'v'.repeat(800_000));
  const fits = db.begin({ beforeImages: true });
  fits.delRange({});
  t.true((await fits.commit()).ok);
  t.is(await fits.rollback(), undefined);
  t.is(await db.count(), 41);
  const small = Array.from({ length: 36_000 }, (_, i) => ({ type: 'put' as const, key: `${i}`, value: '' }));
  await db.batch(small);
  const transaction = db.begin({ beforeImages: true });
  transaction.delRange({});
  await refuses(t, 'COPPICE_TOO_LARGE', () => transaction.commit(), /in what it overwrites/);
  t.is(await db.count(), 36_041);
});

test('using ends a transaction, and a commit holds no snapshot', async (t) => {
  const db = await temporaryDatabase(t);
  {
    using one = db.begin();
    one.put('a', '1');
    await using two = db.begin({ beforeImages: true });
    two.put('a', '2');
    t.is(db.stats().snapshots, 2);
    t.true((await two.commit()).ok);
    t.is(db.stats().snapshots, 1);
  }
  t.is(db.stats().snapshots, 0);
  t.is(await db.get('a'), '2');
});
