import test from 'ava';
import type { Op } from '../ts/index.js';
import { temporaryDatabase } from './support/database.js';
import { refuses } from './support/errors.js';

test('a put is visible before it is awaited', async (t) => {
  const db = await temporaryDatabase(t);
  const promise = db.put('a', '1');
  t.is(db.getSync('a'), '1');
  const { ok, revision } = await promise;
  t.true(ok);
  t.is(revision, db.revision);
});

test('an empty database is at revision 1, and every commit takes the next one', async (t) => {
  const db = await temporaryDatabase(t);
  t.is(db.revision, 1);
  t.is((await db.put('a', '1')).revision, 2);
  t.is((await db.put('a', '1')).revision, 3);
  t.is(
    (
      await db.batch([
        { type: 'put', key: 'b', value: '2' },
        { type: 'del', key: 'a' },
      ])
    ).revision,
    4,
  );
  t.is(db.revision, 4);
});

test('puts that are not awaited one by one keep their order', async (t) => {
  const db = await temporaryDatabase(t);
  const commits = await Promise.all(Array.from({ length: 1_000 }, (_, i) => db.put('same', String(i))));
  t.is(await db.get('same'), '999');
  t.deepEqual(
    commits.map(({ revision }) => revision),
    Array.from({ length: 1_000 }, (_, i) => i + 2),
  );
});

test('del removes a key, and a key that has no value', async (t) => {
  const db = await temporaryDatabase(t);
  await db.put('a', '1');
  t.true((await db.del('a')).ok);
  t.is(await db.get('a'), undefined);
  t.true((await db.del('never')).ok);
});

test('durability may be named for each write', async (t) => {
  const db = await temporaryDatabase(t);
  await db.put('a', '1', { durability: 'disk' });
  await db.del('b', { durability: 'process' });
  await db.batch([{ type: 'del', key: 'c' }], { durability: 'disk' });
  await refuses(t, 'COPPICE_UNSUPPORTED', () => db.put('a', '1', { durability: 'remote' }), /object store/);
  await refuses(t, 'COPPICE_INVALID', () => db.put('a', '1', { durability: 'memory' as never }), /durability must be/);
});

test('wrong keys, values and options are refused by name, and nothing is written', async (t) => {
  const db = await temporaryDatabase(t);
  for (const bad of [undefined, null, 1, {}, Buffer.from('a')] as never[]) {
    await refuses(t, 'COPPICE_INVALID', () => db.put(bad, 'x'), /^key must be a string/);
    await refuses(t, 'COPPICE_INVALID', () => db.put('x', bad), /^value must be a string/);
    await refuses(t, 'COPPICE_INVALID', () => db.del(bad), /^key must be a string/);
  }
  await refuses(t, 'COPPICE_INVALID', () => db.put('x', 'x', { tll: 1 } as never), /unknown option "tll" of put/);
  await refuses(t, 'COPPICE_UNSUPPORTED', () => db.put('x', 'x', { lease: {} } as never), /"lease"/);
  await refuses(t, 'COPPICE_INVALID', () => db.put('x', 'x', null as never), /an object/);
  await refuses(t, 'COPPICE_INVALID', () => db.del('x', { ttl: 1 } as never), /unknown option "ttl" of a write/);
  t.is(db.revision, 1);
  t.is(await db.count(), 0);
});

test('keys have up to 65,535 bytes', async (t) => {
  const db = await temporaryDatabase(t);
  const longest = 'k'.repeat(65_535);
  await db.put(longest, 'v');
  t.is(await db.get(longest), 'v');
  await refuses(t, 'COPPICE_TOO_LARGE', () => db.put(`${longest}k`, 'v'));
  await refuses(t, 'COPPICE_TOO_LARGE', () => db.batch([{ type: 'put', key: `${longest}k`, value: 'v' }]));
  t.is(await db.count(), 1);
});

test('large values come back as they were', async (t) => {
  const db = await temporaryDatabase(t, { valueEncoding: 'buffer' });
  for (const bytes of [4_095, 4_096, 65_536, 1 << 20, 8 << 20]) {
    const value = Buffer.alloc(bytes, 'coppice ');
    await db.put('large', value);
    t.true((await db.get('large'))?.equals(value));
  }
});

test('a commit beyond 32 MiB, values over 1 MiB not counted, is refused, and nothing is written', async (t) => {
  const db = await temporaryDatabase(t, { valueEncoding: 'buffer' });
  const value = Buffer.alloc(1 << 20);
  const ops = Array.from({ length: 32 }, (_, i) => ({ type: 'put', key: `k${i}`, value }) as const);
  await refuses(t, 'COPPICE_TOO_LARGE', () => db.batch(ops));
  t.is(await db.count(), 0);
  await db.put('small', Buffer.from('v'));
});

test('a batch acts in order, so that the last operation on a key wins', async (t) => {
  const db = await temporaryDatabase(t);
  await db.batch([
    { type: 'put', key: 'a', value: '1' },
    { type: 'put', key: 'a', value: '2' },
    { type: 'put', key: 'b', value: '1' },
    { type: 'del', key: 'b' },
    { type: 'del', key: 'c' },
    { type: 'put', key: 'c', value: '1' },
  ]);
  t.deepEqual(await db.entries().toArray(), [
    ['a', '2'],
    ['c', '1'],
  ]);
});

test('an empty batch takes no revision', async (t) => {
  const db = await temporaryDatabase(t);
  t.deepEqual(await db.batch([]), { ok: true, revision: 1 });
  t.is(db.revision, 1);
});

test('a bad operation is refused with its index, and nothing of its batch is written', async (t) => {
  const db = await temporaryDatabase(t);
  const good: Op<string, string> = { type: 'put', key: 'a', value: '1' };
  const bad: [unknown, RegExp][] = [
    [{ type: 'put', key: 1, value: 'x' }, /operation 1: key must be a string/],
    [{ type: 'put', key: 'x' }, /operation 1: value must be a string .*, not undefined/],
    [{ type: 'del' }, /operation 1: key must be a string .*, not undefined/],
    [{ type: 'clear', key: 'x' }, /operation 1: type must be 'put', 'del' or 'delRange'/],
    [{ type: 'put', key: 'x', value: 'x', tlt: 1 }, /operation 1: unknown option "tlt"/],
    [{ type: 'put', key: 'x', value: 'x', ttl: -1 }, /operation 1: ttl must be/],
    [{ type: 'put', key: 'x', value: 'x', sublevel: {} }, /operation 1: sublevel must be a sublevel of this database/],
    [null, /operation 1: an operation must be/],
    ['del', /operation 1: an operation must be/],
  ];
  for (const [op, message] of bad) {
    const error = await refuses(t, 'COPPICE_INVALID', () => db.batch([good, op as never]), message);
    t.is(error.details?.op, 1);
  }
  await refuses(t, 'COPPICE_INVALID', () => db.batch({} as never), /must be an array/);
  await refuses(t, 'COPPICE_INVALID', () => db.batch(undefined as never), /must be an array/);
  t.is(await db.count(), 0);
  await db.batch([good]);
  t.deepEqual(await db.keys().toArray(), ['a']);
});

test('a signal that was aborted before a write keeps it from being written', async (t) => {
  const db = await temporaryDatabase(t);
  const signal = AbortSignal.abort();
  await refuses(t, 'COPPICE_ABORTED', () => db.put('a', '1', { signal }));
  await refuses(t, 'COPPICE_ABORTED', () => db.del('a', { signal }));
  await refuses(t, 'COPPICE_ABORTED', () => db.batch([{ type: 'put', key: 'a', value: '1' }], { signal }));
  t.is(db.revision, 1);
});

test('a write that is given up after it was logged has an unknown outcome, which waitFor settles', async (t) => {
  const db = await temporaryDatabase(t);
  const controller = new AbortController();
  const promise = db.put('a', '1', { durability: 'disk', signal: controller.signal });
  controller.abort(new Error('enough'));
  const error = await refuses(t, 'COPPICE_UNKNOWN_OUTCOME', () => promise, /waitFor\(2\)/);
  t.is(error.details?.revision, 2);
  await db.waitFor(2, 'disk');
  t.is(await db.get('a'), '1');
});

/** Keys `a0` to `a9` and `b0` to `b9`. */
async function lettered(db: { batch(ops: Op<string, string>[]): Promise<unknown> }) {
  const keys = ['a', 'b'].flatMap((letter) => Array.from({ length: 10 }, (_, i) => `${letter}${i}`));
  await db.batch(keys.map((key) => ({ type: 'put', key, value: key })));
}

test('delRange removes exactly the keys that a range with the same bounds gives', async (t) => {
  for (const range of [
    { prefix: 'a' },
    { gt: 'a3', lte: 'b2' },
    { gte: 'a3', lt: 'b2' },
    { gte: 'a5', prefix: 'a' },
    { lt: 'a' },
    { gt: 'a5', lt: 'a5' },
    { gte: 'b', lt: 'a' },
    { lte: '' },
    {},
  ]) {
    const db = await temporaryDatabase(t);
    await lettered(db);
    await db.put('', 'the empty key');
    const gone = await db.keys(range).toArray();
    const kept = (await db.keys().toArray()).filter((key) => !gone.includes(key));
    const { deleted, revision } = await db.delRange(range, { count: true });
    t.deepEqual(await db.keys().toArray(), kept, JSON.stringify(range));
    t.is(deleted, gone.length);
    t.is(revision, db.revision);
  }
});

test('a delRange whose bounds cross writes nothing', async (t) => {
  const db = await temporaryDatabase(t);
  await db.put('a', '1');
  t.deepEqual(await db.delRange({ gte: 'b', lt: 'a' }), { ok: true, revision: 2 });
  t.is((await db.delRange({ gte: 'x', lt: 'y' })).revision, 3, 'one without keys is a commit like any other');
});

test('in a batch a delRange acts in order', async (t) => {
  const db = await temporaryDatabase(t);
  await lettered(db);
  await db.batch([
    { type: 'put', key: 'a1', value: 'hidden' },
    { type: 'delRange', prefix: 'a' },
    { type: 'put', key: 'a2', value: 'again' },
  ]);
  t.deepEqual(await db.entries({ prefix: 'a' }).toArray(), [['a2', 'again']]);
  const refused = await db.batch().check({ key: 'b1', revision: 1 }).delRange({}).write();
  t.false(refused.ok);
  const batch = db.batch().put('b1', 'hidden').delRange({ gte: 'b' }).put('b2', 'again');
  t.is(batch.length, 3);
  t.true((await batch.write()).ok);
  t.deepEqual(await db.keys().toArray(), ['a2', 'b2']);
  t.is(await db.get('b3'), undefined);
  t.is(await db.getEntry('b1'), undefined);
});

test('a delRange that counts and is refused leaves no snapshot open', async (t) => {
  const db = await temporaryDatabase(t);
  await lettered(db);
  const refused = db.delRange({}, { count: true, signal: AbortSignal.abort() });
  await t.throwsAsync(refused);
  t.is(db.stats().snapshots, 0);
  t.is(await db.count(), 20);
});

test('a delRange of a sublevel stays inside it', async (t) => {
  const db = await temporaryDatabase(t);
  const [inner, other] = [db.sublevel('inner'), db.sublevel('other')];
  await lettered(db);
  await lettered(inner);
  await lettered(other);
  await inner.delRange({ gt: 'b4' });
  t.is(await inner.count(), 15);
  t.is((await inner.delRange({}, { count: true })).deleted, 15);
  await db.batch([{ type: 'delRange', sublevel: other, prefix: 'a' }]);
  t.deepEqual([await inner.count(), await other.count(), await db.count()], [0, 10, 30]);
});

test('the longest key can be a bound of a delRange', async (t) => {
  const db = await temporaryDatabase(t, { keyEncoding: 'buffer' });
  const longest = (byte: number) => Buffer.alloc(65_535, byte);
  for (const byte of [1, 2, 255]) await db.put(longest(byte), 'long');
  const left = async () => (await db.keys().toArray()).map((key) => key[0]);
  await db.delRange({ gt: longest(255) });
  await db.delRange({ gt: longest(1), lt: longest(2) });
  t.deepEqual(await left(), [1, 2, 255]);
  await db.delRange({ gt: longest(1), lte: longest(2) });
  t.deepEqual(await left(), [1, 255]);
  await db.delRange({ lte: longest(255) });
  t.deepEqual(await left(), []);
});

test('bounds of a delRange that say nothing or contradict each other are refused', async (t) => {
  const db = await temporaryDatabase(t);
  await refuses(t, 'COPPICE_INVALID', () => db.delRange(undefined as never), /delRange/);
  await refuses(t, 'COPPICE_INVALID', () => db.delRange({ gt: 'a', gte: 'a' }), /gt or gte/);
  await refuses(t, 'COPPICE_INVALID', () => db.delRange({ limit: 5 } as never), /limit/);
  await refuses(t, 'COPPICE_INVALID', () => db.delRange({}, { count: 1 as never }), /count/);
  await refuses(t, 'COPPICE_INVALID', () => db.batch([{ type: 'delRange', key: 'a' } as never]), /operation 0/);
});
