/** Transactions of a database in a store, whose commits are seen once the store has them. */

import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type Database, memoryStore, type ObjectStore, open } from '../../ts/index.js';
import { temporaryFolder } from '../support/database.js';
import { refuses } from '../support/errors.js';

async function stored(t: ExecutionContext, store: ObjectStore = memoryStore()): Promise<Database<string, string>> {
  const db = await open(join(await temporaryFolder(t), 'db'), { store, durability: 'remote' });
  t.teardown(() => db.close());
  return db;
}

test('a transaction that lost begins again with what it lost to', async (t) => {
  const db = await stored(t);
  const attempts: number[] = [];
  const add = () =>
    db.transaction(async (transaction) => {
      const count = Number((await transaction.get('count')) ?? 0);
      await new Promise((resolve) => setImmediate(resolve));
      transaction.put('count', String(count + 1));
      attempts.push(transaction.attempt);
    });
  await Promise.all(Array.from({ length: 4 }, add));
  t.is(await db.get('count'), '4');
  t.true(Math.max(...attempts) <= 4, 'with each try somebody has come through');
});

test('a conflict is told once what it is about can be seen, also a delete', async (t) => {
  const db = await stored(t);
  await db.batch([
    { type: 'put', key: 'a', value: '1' },
    { type: 'put', key: 'b', value: '1' },
  ]);
  const [one, other] = [db.begin(), db.begin()];
  await one.get('a');
  await other.keys({ gte: 'b' }).toArray();
  for (const transaction of [one, other]) transaction.put('c', '1');
  const deleted = Promise.all([db.del('a'), db.delRange({ gte: 'b' })]);
  t.is(await db.get('a'), '1', 'the store does not have it yet');
  const answers = await Promise.all([one.commit(), other.commit()]);
  t.deepEqual([await db.get('a'), await db.get('b')], [undefined, undefined]);
  t.deepEqual(
    answers.map((answer) => (answer.ok ? [] : answer.conflicts)),
    [[{ key: 'a', revision: null }], [{ key: 'b', revision: null }]],
  );
  await deleted;
});

test('a replica reads in transactions, and refuses what they write', async (t) => {
  const store = memoryStore();
  const writer = await stored(t, store);
  await writer.put('a', '1');
  const replica = await open(join(await temporaryFolder(t), 'replica'), { store, readOnly: true });
  t.teardown(() => replica.close());
  t.is(await replica.transaction((transaction) => transaction.get('a')), '1');
  const transaction = replica.begin();
  transaction.put('a', '2');
  await refuses(t, 'COPPICE_READONLY', () => transaction.commit());
  await refuses(t, 'COPPICE_CLOSED', () => transaction.get('a'));
});
