import { join } from 'node:path';
import test from 'ava';
import type { K4Transaction } from '../../ts/k4/index.js';
import { temporaryFolder } from '../support/database.js';
import { refuses } from '../support/errors.js';
import { runProgram } from '../support/program.js';
import { fill, K4_PROGRAM, keysUpTo, temporaryK4 } from './support.js';

test('operations are one commit, in their order, and nobody sees one before it', async (t) => {
  const db = await temporaryK4(t);
  await fill(db, ['a', 'b'], 'old');
  const { revision } = db.database;
  const transaction = db.beginTransaction();
  transaction.addOperation('PUT', 'a', 'first');
  transaction.addOperation('DELETE', 'b', null);
  transaction.addOperation('PUT', 'a', 'last');
  transaction.addOperation('PUT', 'c', 'new');
  t.is(await db.get('a'), 'old');
  await transaction.commit();
  t.is(db.database.revision, revision + 1);
  t.deepEqual(await db.greaterThanEq(''), [
    ['a', 'last'],
    ['c', 'new'],
  ]);
});

test('a rollback before the commit discards the operations, and remove ends a transaction', async (t) => {
  const db = await temporaryK4(t);
  const discarded = db.beginTransaction();
  discarded.addOperation('PUT', 'a', '1');
  await discarded.rollback();
  await discarded.rollback();
  const removed = db.beginTransaction();
  removed.addOperation('PUT', 'b', '2');
  removed.remove();
  removed[Symbol.dispose]();
  for (const transaction of [discarded, removed]) {
    await refuses(t, 'COPPICE_CLOSED', () => transaction.addOperation('PUT', 'a', '1'), /transaction/);
    await refuses(t, 'COPPICE_CLOSED', () => transaction.commit());
  }
  await refuses(t, 'COPPICE_CLOSED', () => removed.rollback());
  t.is(db.database.revision, 1);
});

test('a rollback is refused with the keys that others have changed since, and restores nothing', async (t) => {
  const db = await temporaryK4(t);
  await fill(db, ['a', 'b'], 'old');
  const transaction = db.beginTransaction();
  for (const key of ['a', 'b']) transaction.addOperation('PUT', key, 'new');
  await transaction.commit();
  await db.put('b', 'newer');
  const { details } = await refuses(t, 'COPPICE_CONFLICT', () => transaction.rollback(), /nothing was restored.*: b$/);
  t.deepEqual(details?.keys, ['b']);
  t.is(await db.get('a'), 'new');
});

test('a rollback waits for the commit that was begun before, and remove forgets what it would restore', async (t) => {
  const db = await temporaryK4(t);
  await db.put('a', 'old');
  const changed = (): K4Transaction<string, string> => {
    const transaction = db.beginTransaction();
    transaction.addOperation('PUT', 'a', 'new');
    return transaction;
  };
  const undone = changed();
  const [, rolledBack] = [undone.commit(), undone.rollback()];
  await rolledBack;
  t.is(await db.get('a'), 'old');
  const removed = changed();
  const committed = removed.commit();
  removed.remove();
  await committed;
  await refuses(t, 'COPPICE_CLOSED', () => removed.rollback());
  t.is(await db.get('a'), 'new');
  const empty = db.beginTransaction();
  await empty.commit();
  await empty.rollback();
});

test('a commit that fails has written nothing, and a rollback after it does nothing', async (t) => {
  const db = await temporaryK4(t);
  await db.put('a', 'v'.repeat(20 << 20));
  await db.put('b', 'v'.repeat(20 << 20));
  const { revision } = db.database;
  const transaction = db.beginTransaction();
  for (const key of ['a', 'b']) transaction.addOperation('DELETE', key);
  await refuses(t, 'COPPICE_TOO_LARGE', () => transaction.commit(), /overwrites/);
  await transaction.rollback();
  t.is(db.database.revision, revision);
});

test('transactions over the same keys wait for nobody, and each is committed', async (t) => {
  const db = await temporaryK4(t);
  const keys = keysUpTo(5);
  const before = db.database.revision;
  const commits = Array.from({ length: 100 }, async (_, n) => {
    const transaction = db.beginTransaction();
    for (const key of keys) transaction.addOperation(n % 10 === 0 ? 'DELETE' : 'PUT', key, `v${n}`);
    await transaction.commit();
    transaction.remove();
  });
  await Promise.all([...commits, ...Array.from({ length: 100 }, () => db.put(keys[0] as string, 'between'))]);
  t.is(db.database.revision, before + 200);
  const seen = new Set((await db.greaterThan(keys[0] as string)).map(([, value]) => value));
  t.true(seen.size <= 1, 'of one transaction');
});

test('each operation may have a ttl, which a rollback takes back', async (t) => {
  const db = await temporaryK4(t);
  await db.put('a', 'old', '10d');
  const before = await db.database.getEntry('a');
  const transaction = db.beginTransaction();
  transaction.addOperation('PUT', 'a', 'new', '1h');
  transaction.addOperation('PUT', 'b', 'new');
  await transaction.commit();
  const [a, b] = await db.database.records().toArray();
  t.true(Number(a?.expiresAt) < Date.now() + 3_600_001);
  t.is(b?.expiresAt, undefined);
  await transaction.rollback();
  t.deepEqual((await db.database.getEntry('a'))?.expiresAt, before?.expiresAt);
  t.is(await db.get('b'), undefined);
});

test('k4 D34: an operation that there is not is refused at once, and the database goes on', async (t) => {
  const db = await temporaryK4(t);
  const transaction = db.beginTransaction();
  for (const wrong of ['GET', 'put', 7, undefined]) {
    await refuses(t, 'COPPICE_INVALID', () => transaction.addOperation(wrong as 'PUT', 'a', '1'), /'PUT', 'DELETE'/);
  }
  for (const value of [undefined, null, 1]) {
    await refuses(t, 'COPPICE_INVALID', () => transaction.addOperation('PUT', 'a', value as never), /^value /);
  }
  await refuses(t, 'COPPICE_INVALID', () => transaction.addOperation('PUT', 'a', '1', 'soon'), /^ttl /);
  transaction.addOperation('PUT', 'b', '2');
  await transaction.commit();
  await db.put('c', '3');
  t.deepEqual(await db.greaterThanEq(''), [
    ['b', '2'],
    ['c', '3'],
  ]);
});

test('k4 D37: a transaction that is removed takes no other one with it', async (t) => {
  const db = await temporaryK4(t);
  const [first, second] = [db.beginTransaction(), db.beginTransaction()];
  first.remove();
  const third = db.beginTransaction();
  second.addOperation('PUT', 'second', '2');
  third.addOperation('PUT', 'third', '3');
  second.remove();
  await third.commit();
  await third.rollback();
  t.deepEqual(await db.greaterThanEq(''), []);
});

test('k4 D38: commits and rollbacks of the same keys at once all end', async (t) => {
  const db = await temporaryK4(t);
  const before = db.database.revision;
  let undone = 0;
  const turns = Array.from({ length: 50 }, async (_, n) => {
    const transaction = db.beginTransaction();
    for (const key of keysUpTo(3)) transaction.addOperation('PUT', key, String(n));
    await transaction.commit();
    await transaction.rollback().then(
      () => undone++,
      ({ code }) => t.is(code, 'COPPICE_CONFLICT'),
    );
  });
  await Promise.all(turns);
  t.true(undone >= 1);
  t.is(db.database.revision, before + 50 + undone);
});

test('k4 D44: a transaction that nobody removes is collected, and holds no snapshot meanwhile', async (t) => {
  const ended = await runProgram(
    join(await temporaryFolder(t), 'db'),
    `${K4_PROGRAM}
    const db = await openK4(path);
    const begin = async () => {
      const transaction = db.beginTransaction();
      transaction.addOperation('PUT', 'a', 'v');
      await transaction.commit();
      return new WeakRef(transaction);
    };
    const kept = [];
    for (let n = 0; n < 100; n++) kept.push(await begin());
    console.log(db.database.stats().snapshots);
    const deadline = Date.now() + 30_000;
    const alive = () => kept.filter((one) => one.deref() !== undefined).length;
    while (alive() > 0 && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      gc();
    }
    console.log(alive());`,
  );
  t.deepEqual(ended, { code: 0, signal: null, output: '0\n0\n' });
});

test('k4 D40: a rollback after the commit puts back what there was, and takes away what there was not', async (t) => {
  const db = await temporaryK4(t);
  await fill(db, ['a', 'b'], 'old');
  await db.escalateFlush();
  await db.put('c', 'old');
  const transaction = db.beginTransaction();
  for (const key of ['a', 'c', 'd']) transaction.addOperation('PUT', key, 'new');
  await transaction.commit();
  await transaction.rollback();
  t.deepEqual(
    await db.greaterThanEq(''),
    ['a', 'b', 'c'].map((key) => [key, 'old']),
  );
});

test('k4 D41: a delete that is rolled back leaves the value that there was', async (t) => {
  const db = await temporaryK4(t);
  await db.put('b', 'old');
  const transaction = db.beginTransaction();
  transaction.addOperation('DELETE', 'b');
  transaction.addOperation('DELETE', 'never', 'said');
  await transaction.commit();
  t.is(await db.get('b'), undefined);
  await transaction.rollback();
  t.is(await db.get('b'), 'old');
  t.is(await db.get('never'), undefined);
});

test('k4 D42: rolling back what was never committed changes nothing', async (t) => {
  const db = await temporaryK4(t);
  await db.put('a', 'old');
  const { revision } = db.database;
  const transaction = db.beginTransaction();
  transaction.addOperation('PUT', 'a', 'new');
  await transaction.rollback();
  t.is(await db.get('a'), 'old');
  t.is(db.database.revision, revision);
});
