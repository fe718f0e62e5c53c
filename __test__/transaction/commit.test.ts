import test from 'ava';
import { CoppiceError } from '../../ts/index.js';
import { fill, temporaryDatabase } from '../support/database.js';
import { refuses } from '../support/errors.js';

test('a function is run as a transaction, and its answer is the answer', async (t) => {
  const db = await temporaryDatabase(t);
  await db.put('a', '1');
  const answer = await db.transaction(async (transaction) => {
    const value = await transaction.get('a');
    transaction.put('b', `${value}!`);
    return transaction.attempt;
  });
  t.deepEqual([answer, await db.get('b')], [1, '1!']);
});

test('after a conflict it is run again on the newest state', async (t) => {
  const db = await temporaryDatabase(t);
  await db.put('count', '0');
  const attempts: number[] = [];
  await db.transaction(async (transaction) => {
    attempts.push(transaction.attempt);
    const count = Number(await transaction.get('count'));
    if (transaction.attempt < 3) await db.put('count', String(count + 10));
    transaction.put('count', String(count + 1));
  });
  t.deepEqual(attempts, [1, 2, 3]);
  t.is(await db.get('count'), '21');
});

test('transactions that add to one number at the same time lose no addition', async (t) => {
  const db = await temporaryDatabase(t);
  const add = () =>
    db.transaction(async (transaction) => {
      const count = Number((await transaction.get('count')) ?? 0);
      await new Promise((resolve) => setImmediate(resolve));
      transaction.put('count', String(count + 1));
    });
  await Promise.all(Array.from({ length: 12 }, add));
  t.is(await db.get('count'), '12');
});

test('at the end of the retries the error names the keys', async (t) => {
  const db = await temporaryDatabase(t);
  let runs = 0;
  const lose = () =>
    db.transaction(
      async (transaction) => {
        runs++;
        await transaction.get('a');
        await db.put('a', String(runs));
        transaction.put('b', '1');
      },
      { retries: 2 },
    );
  const error = await refuses(t, 'COPPICE_CONFLICT', lose, /3 tries; at last: a$/);
  t.deepEqual(error.details, { keys: ['a'], revision: db.revision, attempts: 3 });
  t.is(runs, 3);
  t.is(await db.get('b'), undefined);
});

test('an error of the function is the answer, and nothing is written', async (t) => {
  const db = await temporaryDatabase(t);
  const thrown = new Error('not enough');
  const fail = () =>
    db.transaction((transaction) => {
      transaction.put('a', '1');
      throw thrown;
    });
  t.is(await t.throwsAsync(fail), thrown);
  t.is(await db.get('a'), undefined);
  t.is(db.stats().snapshots, 0);
});

test('a function may end its transaction itself', async (t) => {
  const db = await temporaryDatabase(t);
  t.is(
    await db.transaction(async (transaction) => {
      transaction.put('a', '1');
      await transaction.rollback();
      return 'nothing';
    }),
    'nothing',
  );
  t.is(await db.get('a'), undefined);
  await db.transaction(async (transaction) => {
    transaction.put('a', '1');
    t.true((await transaction.commit()).ok);
  });
  t.is(await db.get('a'), '1');
});

test('with isolation snapshot reads are not checked, and of two that write a key the first wins', async (t) => {
  const db = await temporaryDatabase(t);
  await fill(db, ['a', 'b']);
  const [one, two] = [db.begin({ isolation: 'snapshot' }), db.begin({ isolation: 'snapshot' })];
  for (const transaction of [one, two]) await transaction.getMany(['a', 'b']);
  one.put('a', 'skew');
  two.put('b', 'skew');
  t.true((await one.commit()).ok);
  t.true((await two.commit()).ok, 'write skew');
  const [first, second, third] = [1, 2, 3].map(() => db.begin({ isolation: 'snapshot' }));
  first?.put('c', '1');
  second?.put('c', '2');
  third?.delRange({ gte: 'c', lt: 'd' });
  const done = await first?.commit();
  t.true(done?.ok);
  const lost = { ok: false, conflicts: [{ key: 'c', revision: done?.revision }], revision: done?.revision };
  t.deepEqual([await second?.commit(), await third?.commit()], [lost, lost]);
});

test('serializable transactions that would skew are refused', async (t) => {
  const db = await temporaryDatabase(t);
  await fill(db, ['a', 'b']);
  const [one, two] = [db.begin(), db.begin()];
  for (const transaction of [one, two]) await transaction.getMany(['a', 'b']);
  one.put('a', 'skew');
  two.put('b', 'skew');
  t.true((await one.commit()).ok);
  const answer = await two.commit();
  t.deepEqual(answer.ok ? [] : answer.conflicts.map(({ key }) => key), ['a']);
});

test('a transaction that writes nothing commits without a commit, whatever others write', async (t) => {
  const db = await temporaryDatabase(t);
  await fill(db, ['a']);
  const transaction = db.begin();
  await transaction.entries().toArray();
  const { revision } = await db.put('a', '2');
  t.deepEqual(await transaction.commit(), { ok: true, revision: transaction.readRevision });
  t.is(db.revision, revision);
});

test('reads of what the transaction has written itself are not checked', async (t) => {
  const db = await temporaryDatabase(t);
  await fill(db, ['a', 'b', 'c']);
  const transaction = db.begin();
  transaction.put('a', 'own');
  transaction.delRange({ gte: 'b', lt: 'd' });
  await transaction.getMany(['a', 'b', 'c']);
  for (const key of ['a', 'b', 'c']) await db.put(key, 'theirs');
  t.true((await transaction.commit()).ok);
  t.deepEqual(await db.entries().toArray(), [['a', 'own']]);
});

test('an entry that was read and has expired by the commit is a conflict, read by itself or in a range', async (t) => {
  const db = await temporaryDatabase(t);
  for (const read of ['key', 'range', 'has'] as const) {
    await db.put('a', '1', { ttl: 500 });
    const transaction = db.begin();
    if (read === 'key') t.is(await transaction.get('a'), '1');
    else if (read === 'has') t.true(await transaction.has('a'));
    else t.is(await transaction.count(), 1);
    transaction.put('b', '1');
    while ((await db.get('a')) !== undefined) await new Promise((resolve) => setTimeout(resolve, 10));
    if (read === 'key') t.is(await transaction.get('a'), '1', 'its time stands still');
    if (read === 'range') t.is(await transaction.count(), 2, 'its time stands still');
    const answer = await transaction.commit();
    t.deepEqual(answer.ok ? [] : answer.conflicts, [{ key: 'a', revision: null }]);
  }
});

test('each put has its own time of expiry', async (t) => {
  const db = await temporaryDatabase(t);
  const expiresAt = new Date(Date.now() + 1_000_000);
  await db.transaction((transaction) => {
    transaction.put('a', '1', { ttl: '1h' });
    transaction.put('b', '1', { expiresAt });
    transaction.put('c', '1');
  });
  const [a, b, c] = await db.records().toArray();
  t.true(Math.abs(Number(a?.expiresAt) - Date.now() - 3_600_000) < 60_000);
  t.deepEqual([b?.expiresAt, c?.expiresAt], [expiresAt, undefined]);
});

test('sublevels take part, with their own types, and conflicts name their keys', async (t) => {
  const db = await temporaryDatabase(t);
  const users = db.sublevel('users', { valueEncoding: 'json' });
  const counts = db.sublevel('counts', { keyEncoding: 'u64', valueEncoding: 'json' });
  await db.transaction(async (transaction) => {
    transaction.put('plain', '1');
    transaction.in(users).put('ada', { born: 1815 });
    transaction.in(counts).put(7n, [1]);
    t.deepEqual(await transaction.in(users).get('ada'), { born: 1815 });
    t.deepEqual(await transaction.in(counts).keys().toArray(), [7n]);
    t.is(await transaction.count(), 3);
  });
  t.deepEqual(await users.get('ada'), { born: 1815 });
  const transaction = db.begin();
  await transaction.in(counts).get(7n);
  await transaction.in(users).keys().toArray();
  transaction.put('plain', '2');
  const counted = await counts.put(7n, [2]);
  const named = await users.put('grace', { born: 1906 });
  t.deepEqual(await transaction.commit(), {
    ok: false,
    conflicts: [
      { key: 7n, revision: counted.revision, prefix: '!counts!' },
      { key: 'grace', revision: named.revision, prefix: '!users!' },
    ] as never,
    revision: db.revision,
  });
  await users.transaction(async (transaction) => {
    transaction.put('alan', { born: 1912 });
    t.deepEqual(await transaction.keys({ reverse: true, limit: 1 }).toArray(), ['grace']);
    transaction.delRange({ gte: 'grace' });
  });
  t.deepEqual(await users.keys().toArray(), ['ada', 'alan']);
  const other = await temporaryDatabase(t);
  await refuses(t, 'COPPICE_INVALID', () => db.begin().in(other.sublevel('users')), /a sublevel of this database/);
});

test('a key that the encoding does not take is named by its bytes', async (t) => {
  const db = await temporaryDatabase(t, { keyEncoding: 'u64' });
  const names = db.sublevel('names', { keyEncoding: 'utf8' });
  const transaction = db.begin();
  t.is(await transaction.count(), 0);
  transaction.put(1n, 'one');
  await names.put('ada', '1');
  const answer = await transaction.commit();
  t.deepEqual(answer.ok ? [] : answer.conflicts.map(({ key }) => String(key)), ['!names!ada']);
});

test('bytes of keys and values may be changed afterwards', async (t) => {
  const db = await temporaryDatabase(t, { keyEncoding: 'buffer', valueEncoding: 'buffer' });
  await db.put(Buffer.from('m'), Buffer.from('1'));
  const transaction = db.begin();
  const [key, value, lower] = [Buffer.from('a'), Buffer.from('b'), Buffer.from('l')];
  transaction.put(key, value);
  const range = transaction.keys({ gte: lower });
  for await (const found of range) found.fill(0);
  for (const bytes of [key, value, lower]) bytes.fill(0);
  (await transaction.get(Buffer.from('a')))?.fill(0);
  await db.put(Buffer.from('n'), Buffer.from('2'));
  const answer = await transaction.commit();
  t.deepEqual(answer.ok ? [] : answer.conflicts.map(({ key }) => String(key)), ['n']);
  const second = db.begin();
  second.put(Buffer.from('a'), Buffer.from('b'));
  t.true((await second.commit()).ok);
  t.is(String(await db.get(Buffer.from('a'))), 'b');
});

test('what a transaction may write and read is bounded, and what was refused leaves the rest as it was', async (t) => {
  const db = await temporaryDatabase(t);
  const transaction = db.begin();
  const value = 'v'.repeat(1 << 20);
  for (let i = 0; i < 31; i++) transaction.put(`key${i}`, value);
  await refuses(t, 'COPPICE_TOO_LARGE', () => transaction.put('one too many', value), /a transaction of \d+ bytes/);
  transaction.put('key0', 'short');
  transaction.put('now it fits', value);
  await refuses(t, 'COPPICE_TOO_LARGE', () => transaction.put('k'.repeat(65_536), '1'), /a key of 65536 bytes/);
  transaction.del('k'.repeat(65_535));
  t.true((await transaction.commit()).ok);
  t.is(await db.count(), 32);
});

test('keys that were read within ranges that were read take no room', async (t) => {
  const db = await temporaryDatabase(t);
  const transaction = db.begin();
  const key = (i: number) => `${i}`.padStart(8, '0').padEnd(60_000, 'k');
  await transaction.keys({ gte: '0', lt: '1' }).toArray();
  for (let i = 0; i < 800; i++) await transaction.get(key(i));
  const unbounded = async () => {
    for (let i = 0; i < 800; i++) await transaction.get(`1${key(i)}`);
  };
  await refuses(t, 'COPPICE_TOO_LARGE', unbounded, /in the keys and ranges that it has read/);
});

test('values over 1 MiB are written and read as others are', async (t) => {
  const db = await temporaryDatabase(t, { valueEncoding: 'buffer' });
  const large = Buffer.alloc(3 << 20, 7);
  const transaction = db.begin();
  transaction.put('large', large);
  transaction.put('small', Buffer.from('1'));
  t.true((await transaction.get('large'))?.equals(large));
  t.true((await transaction.commit()).ok);
  const second = db.begin();
  t.true(await second.has('large'));
  t.true((await second.get('large'))?.equals(large));
  second.put('large', Buffer.alloc(2 << 20, 8));
  await db.put('large', Buffer.from('2'));
  t.false((await second.commit()).ok);
  for (const key of ['other', 'large']) {
    const third = db.begin();
    t.is(await third.count({ gte: 'large' }), 2);
    third.put('small', large);
    await db.put(key, Buffer.from('3'));
    const answer = await third.commit();
    t.deepEqual(answer.ok ? [] : answer.conflicts.map(({ key }) => key), [key]);
    await db.del('other');
  }
  const last = db.begin();
  t.is(await last.count({ gte: 'large' }), 2);
  last.put('small', large);
  t.true((await last.commit()).ok);
  t.is((await db.get('small'))?.length, large.length);
});

test('a signal gives up a transaction, and a wrong option is named', async (t) => {
  const db = await temporaryDatabase(t);
  const signal = AbortSignal.abort();
  await refuses(t, 'COPPICE_ABORTED', () => db.transaction(() => t.fail(), { signal }));
  const transaction = db.begin({ signal });
  transaction.put('a', '1');
  await refuses(t, 'COPPICE_ABORTED', () => transaction.commit());
  await refuses(t, 'COPPICE_CLOSED', () => transaction.commit());
  await refuses(t, 'COPPICE_INVALID', () => db.begin({ isolation: 'chaos' } as never), /isolation must be one of/);
  await refuses(t, 'COPPICE_INVALID', () => db.begin({ retries: 1 } as never), /unknown option "retries" of begin/);
  await refuses(t, 'COPPICE_INVALID', () => db.transaction('work' as never), /must be a function/);
  await refuses(t, 'COPPICE_INVALID', () => db.transaction(() => 1, { retries: -1 }), /retries must be/);
  t.is(db.stats().snapshots, 0);
});

test('an error of the commit discards the transaction', async (t) => {
  const db = await temporaryDatabase(t);
  const transaction = db.begin();
  transaction.put('a', '1');
  await db.close();
  await refuses(t, 'COPPICE_CLOSED', () => transaction.commit());
  await refuses(t, 'COPPICE_CLOSED', () => transaction.get('a'));
  t.is(await transaction.rollback(), undefined);
  t.true((await t.throwsAsync(() => db.transaction(() => 1))) instanceof CoppiceError);
});

test('reads that were not awaited are checked too', async (t) => {
  const db = await temporaryDatabase(t, { memoryBytes: 16 << 20, memtableBytes: 1 << 20 });
  for (let i = 0; i < 4; i++) {
    await db.batch(
      Array.from({ length: 2_000 }, (_, j) => ({ type: 'put', key: `${i}/${j}`, value: 'v'.repeat(500) })),
    );
  }
  await db.flush();
  const transaction = db.begin();
  const reads = Array.from({ length: 200 }, (_, i) => transaction.get(`${i % 4}/${i * 7}`));
  transaction.put('other', '1');
  await db.put('3/21', 'changed');
  const answer = await transaction.commit();
  t.deepEqual(answer.ok ? [] : answer.conflicts.map(({ key }) => key), ['3/21']);
  await Promise.all(reads);
});
