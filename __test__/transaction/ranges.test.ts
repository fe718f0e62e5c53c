import test, { type ExecutionContext } from 'ava';
import type { Database, Transaction } from '../../ts/index.js';
import { fill, temporaryDatabase } from '../support/database.js';
import { refuses } from '../support/errors.js';

const KEYS = ['b', 'd', 'f', 'h', 'j'];

async function lettered(t: ExecutionContext, options = {}): Promise<Database<string, string>> {
  const db = await temporaryDatabase(t, options);
  await fill(db, KEYS);
  return db;
}

/** What a commit answers if somebody writes a key after `read` has read. */
async function met(
  db: Database<string, string>,
  read: (transaction: Transaction<string, string>) => unknown,
  ...keys: string[]
): Promise<string[]> {
  const found: string[] = [];
  for (const key of keys) {
    const transaction = db.begin();
    await read(transaction);
    transaction.put('other', '1');
    await db.put(key, 'changed');
    const answer = await transaction.commit();
    if (!answer.ok) found.push(...answer.conflicts.map(({ key }) => key));
    await db.del('other');
    if (!KEYS.includes(key)) await db.del(key);
  }
  return found;
}

test('a range shows the writes of the transaction in their places, in both directions', async (t) => {
  const db = await lettered(t);
  using transaction = db.begin();
  transaction.put('a', '1');
  transaction.put('e', '2');
  transaction.put('f', '3');
  transaction.del('h');
  transaction.put('z', '4');
  const wanted = [
    ['a', '1'],
    ['b', 'B'],
    ['d', 'D'],
    ['e', '2'],
    ['f', '3'],
    ['j', 'J'],
    ['z', '4'],
  ] as [string, string][];
  for (const batchSize of [1, 2, 100]) {
    t.deepEqual(await transaction.entries({ batchSize }).toArray(), wanted);
    t.deepEqual(transaction.entries({ batchSize }).toArraySync(), wanted);
    t.deepEqual(await transaction.entries({ batchSize, reverse: true }).toArray(), wanted.toReversed());
    for (let limit = 0; limit < 8; limit++) {
      t.deepEqual(await transaction.entries({ batchSize, limit }).toArray(), wanted.slice(0, limit));
      t.deepEqual(await transaction.keys({ limit, reverse: true }).toArray(), [...'zjfedba'].slice(0, limit));
    }
  }
  t.deepEqual(await transaction.values({ gt: 'b', lte: 'f' }).toArray(), ['D', '2', '3']);
  t.is(await transaction.count(), 7);
  t.is(await transaction.keys({ gte: 'g', lt: 'i' }).first(), undefined);
});

test('a deleted range is empty but for what was put into it later', async (t) => {
  const db = await lettered(t);
  using transaction = db.begin();
  transaction.put('c', 'lost');
  transaction.delRange({ gte: 'c', lt: 'h' });
  transaction.put('e', '1');
  for (const batchSize of [1, 2, 100]) {
    t.deepEqual(await transaction.keys({ batchSize }).toArray(), ['b', 'e', 'h', 'j']);
    t.deepEqual(await transaction.keys({ batchSize, reverse: true }).toArray(), ['j', 'h', 'e', 'b']);
  }
  t.deepEqual(await transaction.getMany(['c', 'd', 'e', 'h']), [undefined, undefined, '1', 'H']);
  transaction.delRange({});
  t.deepEqual(await transaction.keys().toArray(), []);
  t.deepEqual(await transaction.keys({ reverse: true }).toArray(), []);
  t.true((await transaction.commit()).ok);
  t.is(await db.count(), 0);
});

test('a range shows what was written before its first row was asked for, and nothing later', async (t) => {
  const db = await lettered(t);
  using transaction = db.begin();
  const range = transaction.keys({ batchSize: 1 });
  transaction.put('c', '1');
  const found: string[] = [];
  for await (const key of range) {
    found.push(key);
    transaction.put(`${key}+`, '1');
    transaction.del('j');
  }
  t.deepEqual(found, ['b', 'c', 'd', 'f', 'h', 'j']);
  t.deepEqual(await transaction.keys({ gte: 'h' }).toArray(), ['h', 'h+', 'j+']);
});

test('a range of a transaction can be sought, and gone on with by its cursor', async (t) => {
  const db = await lettered(t);
  using transaction = db.begin();
  transaction.put('e', '1');
  transaction.put('i', '1');
  transaction.del('f');
  const seen: string[] = [];
  const range = transaction.keys({ batchSize: 2 });
  for (const key of range) {
    seen.push(key);
    if (key === 'b') range.seek('e');
    if (key === 'e') range.seek('f');
    if (key === 'h') range.seek('a');
  }
  t.deepEqual(seen, ['b', 'e', 'h', 'i', 'j']);
  const back = transaction.keys({ reverse: true });
  const backward: string[] = [];
  for (const key of back) {
    backward.push(key);
    if (key === 'j') back.seek('g');
  }
  t.deepEqual(backward, ['j', 'e', 'd', 'b']);
  const first = transaction.keys({ limit: 3 });
  t.deepEqual(await first.toArray(), ['b', 'd', 'e']);
  t.deepEqual(await transaction.keys({ cursor: first.cursor }).toArray(), ['h', 'i', 'j']);
});

test('a key that comes, changes or goes where a range was read is a conflict', async (t) => {
  const db = await lettered(t);
  const read = (transaction: Transaction<string, string>) => transaction.keys({ gte: 'c', lt: 'i' }).toArray();
  t.deepEqual(await met(db, read, 'b', 'd', 'e', 'i', 'j'), ['d', 'e']);
  t.deepEqual(await met(db, (transaction) => transaction.count({ gte: 'c', lt: 'i' }), 'b', 'e', 'j'), ['e']);
  t.deepEqual(await met(db, (transaction) => transaction.keys().toArraySync(), 'a', 'z'), ['a', 'z']);
  const transaction = db.begin();
  await read(transaction);
  transaction.put('x', '1');
  await db.delRange({ gte: 'e', lt: 'g' });
  const answer = await transaction.commit();
  t.deepEqual(answer.ok ? [] : answer.conflicts, [{ key: 'f', revision: null }]);
});

test('only the part of a range that was read is checked', async (t) => {
  const db = await lettered(t);
  const limited = (transaction: Transaction<string, string>) => transaction.keys({ gte: 'c', limit: 2 }).toArray();
  t.deepEqual(await met(db, limited, 'b', 'c', 'f', 'g', 'h', 'z'), ['c', 'f']);
  const broken = async (transaction: Transaction<string, string>) => {
    for await (const key of transaction.keys()) if (key === 'd') break;
  };
  t.deepEqual(await met(db, broken, 'a', 'd', 'e', 'f'), ['a', 'd']);
  const backward = async (transaction: Transaction<string, string>) => {
    for await (const key of transaction.keys({ lt: 'i', reverse: true })) if (key === 'f') break;
  };
  t.deepEqual(await met(db, backward, 'b', 'e', 'f', 'h', 'hh', 'i'), ['f', 'h', 'hh']);
  const first = (transaction: Transaction<string, string>) => transaction.keys({ gte: 'c' }).first();
  t.deepEqual(await met(db, first, 'c', 'd', 'e'), ['c', 'd']);
  const none = (transaction: Transaction<string, string>) => transaction.keys({ gte: 'k', lt: 'm' }).first();
  t.deepEqual(await met(db, none, 'j', 'l', 'm'), ['l']);
  const sought = async (transaction: Transaction<string, string>) => {
    const range = transaction.keys({ lte: 'h' });
    for await (const key of range) if (key === 'b') range.seek('f');
  };
  t.deepEqual(await met(db, sought, 'a', 'b', 'c', 'e', 'f', 'g', 'h', 'i'), ['a', 'b', 'f', 'g', 'h']);
  const open = async (transaction: Transaction<string, string>) => {
    await transaction.keys({ gte: 'd' })[Symbol.asyncIterator]().next();
    transaction.keys();
  };
  t.deepEqual(await met(db, open, 'a', 'd', 'e'), ['d']);
});

test('records have revisions and times of expiry, and 0 for the transaction’s own', async (t) => {
  for (const history of [false, true]) {
    const db = await temporaryDatabase(t, { history });
    const { revision } = await db.put('a', '1');
    await db.put('a', '2');
    const expiresAt = new Date(Date.now() + 100_000);
    using transaction = db.begin();
    transaction.put('b', '3', { expiresAt });
    const versions = history ? { createRevision: revision, version: 2 } : {};
    const wanted = [
      { key: 'a', value: '2', revision: revision + 1, ...versions },
      { key: 'b', value: '3', revision: 0, expiresAt },
    ];
    t.deepEqual(await transaction.records().toArray(), wanted);
    t.deepEqual([await transaction.getEntry('a'), await transaction.getEntry('b')], wanted);
    transaction.del('c');
    t.deepEqual(await transaction.records().toArray(), wanted);
  }
});

test('an abort and a bad option end a range', async (t) => {
  const db = await lettered(t);
  using transaction = db.begin();
  await refuses(t, 'COPPICE_ABORTED', () => transaction.keys({ signal: AbortSignal.abort() }).toArray());
  await refuses(t, 'COPPICE_INVALID', () => transaction.keys({ at: 1 } as never), /unknown option "at"/);
});

test('what is not in memory is waited for, and checked like the rest', async (t) => {
  const db = await temporaryDatabase(t, { memoryBytes: 16 << 20, memtableBytes: 1 << 20 });
  const value = 'v'.repeat(1_000);
  for (let i = 0; i < 20; i++) {
    await db.batch(Array.from({ length: 1_000 }, (_, j) => ({ type: 'put', key: `${i}/${j}`, value: value + j })));
  }
  await db.flush();
  using transaction = db.begin();
  transaction.put('5/500', 'own');
  transaction.delRange({ prefix: '7/' });
  let count = 0;
  for await (const [key, found] of transaction.entries()) {
    t.is(found, key === '5/500' ? 'own' : value + key.split('/')[1]);
    count++;
  }
  t.is(count, 19_000);
  const other = db.begin();
  t.is(await other.count({ prefix: '3/' }), 1_000);
  other.put('x', '1');
  t.true((await other.commit()).ok);
});
