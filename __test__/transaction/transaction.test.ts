import test from 'ava';
import { fill, temporaryDatabase } from '../support/database.js';
import { refuses } from '../support/errors.js';

test('a transaction reads one moment and its own writes, which nobody else sees before its commit', async (t) => {
  const db = await temporaryDatabase(t);
  await fill(db, ['a', 'b']);
  const transaction = db.begin();
  t.is(transaction.readRevision, db.revision);
  await db.put('a', 'later');
  t.is(await transaction.get('a'), 'A');
  transaction.put('c', 'C');
  transaction.del('b');
  t.deepEqual(await transaction.getMany(['b', 'c', 'd']), [undefined, 'C', undefined]);
  t.deepEqual([transaction.getSync('a'), transaction.getSync('b'), transaction.getSync('c')], ['A', undefined, 'C']);
  t.deepEqual(
    [await transaction.has('a'), await transaction.has('b'), await transaction.has('c')],
    [true, false, true],
  );
  t.deepEqual([await db.get('b'), await db.get('c')], ['B', undefined]);
  transaction.release();
});

test('its writes become one commit', async (t) => {
  const db = await temporaryDatabase(t);
  await fill(db, ['a', 'b']);
  const transaction = db.begin();
  transaction.put('a', 'first');
  transaction.put('a', 'second');
  transaction.del('b');
  transaction.put('c', 'C');
  const answer = await transaction.commit();
  t.deepEqual(answer, { ok: true, revision: 3 });
  const records = await db.records().toArray();
  t.deepEqual(records, [
    { key: 'a', value: 'second', revision: 3 },
    { key: 'c', value: 'C', revision: 3 },
  ]);
});

test('a key that was read and has changed is a conflict, and nothing is written', async (t) => {
  const db = await temporaryDatabase(t);
  await fill(db, ['a', 'b']);
  for (const read of ['get', 'getSync', 'getEntry', 'has'] as const) {
    const transaction = db.begin();
    await transaction[read]('a');
    await transaction[read]('absent');
    transaction.put('b', read);
    const { revision } = await db.put('a', read);
    t.deepEqual(await transaction.commit(), { ok: false, conflicts: [{ key: 'a', revision }], revision });
    const second = db.begin();
    await second[read]('absent');
    second.put('b', read);
    await db.put('absent', read);
    const lost = await second.commit();
    t.deepEqual(lost.ok ? [] : lost.conflicts, [{ key: 'absent', revision: db.revision }]);
    await db.del('absent');
  }
  t.is(await db.get('b'), 'B');
});

test('a handle used after the end is closed', async (t) => {
  const db = await temporaryDatabase(t);
  for (const end of ['commit', 'rollback', 'release'] as const) {
    const transaction = db.begin();
    const range = transaction.keys();
    await transaction[end]();
    await refuses(t, 'COPPICE_CLOSED', () => transaction.get('a'));
    await refuses(t, 'COPPICE_CLOSED', () => transaction.put('a', '1'));
    await refuses(t, 'COPPICE_CLOSED', () => transaction.keys());
    await refuses(t, 'COPPICE_CLOSED', () => range.toArray());
    await refuses(t, 'COPPICE_CLOSED', () => transaction.commit());
    transaction.release();
  }
});
