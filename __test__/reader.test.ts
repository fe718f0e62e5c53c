import test from 'ava';
import { fill, temporaryDatabase } from './support/database.js';
import { refuses } from './support/errors.js';

test('get answers the value of a key, or undefined', async (t) => {
  const db = await temporaryDatabase(t);
  await db.put('a', '1');
  t.is(await db.get('a'), '1');
  t.is(db.getSync('a'), '1');
  t.is(await db.get('b'), undefined);
  t.is(db.getSync('b'), undefined);
});

test('empty keys and empty values are legal', async (t) => {
  const db = await temporaryDatabase(t);
  await db.put('', 'empty key');
  await db.put('empty value', '');
  t.is(await db.get(''), 'empty key');
  t.is(await db.get('empty value'), '');
  t.deepEqual(await db.entries().toArray(), [
    ['', 'empty key'],
    ['empty value', ''],
  ]);
});

test('text beyond ASCII comes back as it was, as key and as value', async (t) => {
  const db = await temporaryDatabase(t);
  const texts = ['é', '\u{1f600}', 'a\0b', '日本語', '\uffff', 'x'.repeat(60_000)];
  for (const text of texts) await db.put(text, text);
  for (const text of texts) t.is(await db.get(text), text);
  t.deepEqual(
    await db.keys().toArray(),
    texts.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
  );
});

test("a value given out is the caller's: changing it changes nothing stored", async (t) => {
  const db = await temporaryDatabase(t, { valueEncoding: 'buffer' });
  const given = Buffer.from('abc');
  await db.put('k', given);
  given.fill(0);
  const first = (await db.get('k')) as Buffer;
  t.is(first.toString(), 'abc');
  first.fill(0);
  for (let i = 0; i < 100; i++) await db.get('k');
  t.is((await db.get('k'))?.toString(), 'abc');
});

test('getMany answers in the order of its keys', async (t) => {
  const db = await temporaryDatabase(t);
  await fill(db, ['a', 'b', 'c']);
  t.deepEqual(await db.getMany(['c', 'x', 'a', 'c']), ['C', undefined, 'A', 'C']);
  t.deepEqual(await db.getMany([]), []);
  await refuses(t, 'COPPICE_INVALID', () => db.getMany('abc' as never), /keys must be an array/);
});

test('getEntry answers value, revision and expiry', async (t) => {
  const db = await temporaryDatabase(t);
  const { revision } = await db.put('a', '1');
  t.deepEqual(await db.getEntry('a'), { key: 'a', value: '1', revision });
  const expiresAt = new Date(Date.now() + 60_000);
  const again = await db.put('a', '2', { expiresAt });
  t.deepEqual(await db.getEntry('a'), { key: 'a', value: '2', revision: again.revision, expiresAt });
  t.is(await db.getEntry('b'), undefined);
});

test('has says whether a key has a value', async (t) => {
  const db = await temporaryDatabase(t);
  await db.put('a', '');
  t.true(await db.has('a'));
  t.false(await db.has('b'));
  await db.del('a');
  t.false(await db.has('a'));
});

test('count counts the keys of a range up to its limit', async (t) => {
  const db = await temporaryDatabase(t);
  t.is(await db.count(), 0);
  await fill(
    db,
    Array.from({ length: 2_500 }, (_, i) => `k${String(i).padStart(4, '0')}`),
  );
  t.is(await db.count(), 2_500);
  t.is(await db.count({ prefix: 'k1' }), 1_000);
  t.is(await db.count({ gte: 'k0010', lt: 'k0020' }), 10);
  t.is(await db.count({ limit: 1_234 }), 1_234);
  t.is(await db.count({ limit: 0 }), 0);
});

test('a wrong key is refused by every read', async (t) => {
  const db = await temporaryDatabase(t);
  for (const key of [undefined, null, 1, Buffer.from('a'), {}] as never[]) {
    await refuses(t, 'COPPICE_INVALID', () => db.get(key), /^key must be a string/);
    await refuses(t, 'COPPICE_INVALID', () => db.getSync(key), /^key must be a string/);
    await refuses(t, 'COPPICE_INVALID', () => db.getMany([key]), /^key must be a string/);
    await refuses(t, 'COPPICE_INVALID', () => db.getEntry(key), /^key must be a string/);
    await refuses(t, 'COPPICE_INVALID', () => db.has(key), /^key must be a string/);
  }
});

test('get never throws: what is wrong rejects', (t) => {
  t.plan(2);
  const promise = Promise.resolve().then(async () => {
    const db = await temporaryDatabase(t);
    const rejected = db.get(1 as never);
    t.true(rejected instanceof Promise);
    await t.throwsAsync(rejected, { code: 'COPPICE_INVALID' });
  });
  return promise;
});

test('unknown and wrong options of a read are refused by name', async (t) => {
  const db = await temporaryDatabase(t);
  await refuses(t, 'COPPICE_INVALID', () => db.get('a', { snap: 1 } as never), /unknown option "snap" of a read/);
  await refuses(t, 'COPPICE_INVALID', () => db.get('a', { at: -1 }), /at must be a revision/);
  await refuses(t, 'COPPICE_INVALID', () => db.get('a', 5 as never), /must be an object/);
  await refuses(t, 'COPPICE_INVALID', () => db.count({ form: 'a' } as never), /unknown option "form" of a range/);
  await refuses(t, 'COPPICE_INVALID', () => db.get('a', { signal: {} } as never), /signal must be an AbortSignal/);
});

test('an aborted read rejects and keeps the reason', async (t) => {
  const db = await temporaryDatabase(t);
  const reason = new Error('enough');
  const error = await refuses(t, 'COPPICE_ABORTED', () => db.get('a', { signal: AbortSignal.abort(reason) }));
  t.is(error.cause, reason);
  await refuses(t, 'COPPICE_ABORTED', () => db.entries({ signal: AbortSignal.abort() }));
});
