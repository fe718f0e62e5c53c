import test from 'ava';
import { k4 } from '../../ts/k4/index.js';
import { temporaryDatabase } from '../support/database.js';
import { refuses } from '../support/errors.js';
import { holds } from '../support/until.js';
import { fill, keysUpTo, temporaryK4 } from './support.js';

const PAIRS = ['a', 'b', 'c', 'd', 'e'].map((key) => [key, key.toUpperCase()]);
const LETTERS = PAIRS.map(([key]) => key as string);

test('put, get and delete: a value, another one, and none', async (t) => {
  const db = await temporaryK4(t);
  t.is(await db.get('a'), undefined);
  await db.put('a', '1');
  await db.put('a', '2', null);
  t.is(await db.get('a'), '2');
  await db.delete('a');
  await db.delete('never');
  t.is(await db.get('a'), undefined);
});

test('a key with a ttl is gone when its time has come, and a put without one keeps it', async (t) => {
  const db = await temporaryK4(t);
  await Promise.all([db.put('a', '1', 1_000), db.put('b', '2', '1s'), db.put('c', '3', '1s')]);
  await db.put('c', '4');
  t.is(await db.get('a'), '1');
  await holds(async () => (await db.greaterThanEq('')).length === 1);
  t.is(await db.get('a'), undefined);
  t.deepEqual(await db.greaterThanEq(''), [['c', '4']]);
});

test('each query answers its part of the pairs, in the order of their keys', async (t) => {
  const db = await temporaryK4(t);
  await fill(db, LETTERS.toReversed(), (key) => key.toUpperCase());
  t.deepEqual(await db.nget('c'), [...PAIRS.slice(0, 2), ...PAIRS.slice(3)]);
  t.deepEqual(await db.nget('bb'), PAIRS);
  t.deepEqual(await db.range('b', 'd'), PAIRS.slice(1, 4));
  t.deepEqual(await db.range('d', 'b'), []);
  t.deepEqual(await db.nrange('b', 'd'), [PAIRS[0], PAIRS[4]]);
  t.deepEqual(await db.nrange('d', 'b'), PAIRS, 'nothing is from d to b');
  t.deepEqual(await db.greaterThan('c'), PAIRS.slice(3));
  t.deepEqual(await db.greaterThanEq('c'), PAIRS.slice(2));
  t.deepEqual(await db.lessThan('c'), PAIRS.slice(0, 2));
  t.deepEqual(await db.lessThanEq('c'), PAIRS.slice(0, 3));
  t.deepEqual(await db.nget('c', { limit: 3 }), [...PAIRS.slice(0, 2), PAIRS[3]]);
  t.deepEqual(await db.lessThanEq('e', { limit: 0 }), []);
});

test('a query sees one moment, whatever is written while it is read', async (t) => {
  const db = await temporaryK4(t);
  await fill(db, LETTERS, (key) => key.toUpperCase());
  const asked = [db.nget('c'), db.nrange('c', 'c'), db.greaterThanEq('a')];
  for (const key of ['0', ...LETTERS, 'z']) void db.put(key, 'later');
  const [nget, nrange, all] = await Promise.all(asked);
  t.deepEqual(all, PAIRS);
  for (const pairs of [nget, nrange]) t.deepEqual(pairs, [...PAIRS.slice(0, 2), ...PAIRS.slice(3)]);
});

test('queries answer in the types of the database', async (t) => {
  const db = await temporaryK4(t, { keyEncoding: 'u64', valueEncoding: 'json' });
  await db.put(10n, { ten: true });
  await db.put(9n, [9]);
  const pairs: [bigint, unknown][] = await db.greaterThan(1n);
  t.deepEqual(pairs, [
    [9n, [9]],
    [10n, { ten: true }],
  ]);
  t.deepEqual(await db.nrange(9n, 9n), [[10n, { ten: true }]]);
  t.deepEqual(db.iterator().next(), [9n, [9]]);
});

test('k4 is a view of a database that is open: both see the same', async (t) => {
  const database = await temporaryDatabase(t);
  const db = k4(database);
  await database.put('a', '1');
  await db.put('b', '2');
  t.deepEqual(await database.entries().toArray(), await db.greaterThanEq('a'));
  t.is(db.database, database);
  await db.close();
  t.is(database.status, 'closed');
});

test('a wrong call is refused with a code, and nothing is read or written', async (t) => {
  const db = await temporaryK4(t);
  const absent = undefined as unknown as string;
  for (const wrong of [absent, null as unknown as string, 1 as unknown as string]) {
    const calls = [
      () => db.put(wrong, 'v'),
      () => db.put('k', wrong),
      () => db.get(wrong),
      () => db.delete(wrong),
      () => db.nget(wrong),
      () => db.range(wrong, 'z'),
      () => db.range('a', wrong),
      () => db.nrange(wrong, 'z'),
      () => db.nrange('a', wrong),
      () => db.greaterThan(wrong),
      () => db.greaterThanEq(wrong),
      () => db.lessThan(wrong),
      () => db.lessThanEq(wrong),
    ];
    for (const call of calls) await refuses(t, 'COPPICE_INVALID', call);
  }
  await refuses(t, 'COPPICE_INVALID', () => db.put('k', 'v', 0), /^ttl /);
  await refuses(t, 'COPPICE_INVALID', () => db.greaterThan('a', { limit: -1 }), /^limit /);
  await refuses(t, 'COPPICE_INVALID', () => db.greaterThan('a', { most: 1 } as object), /"most" of a query/);
  await refuses(t, 'COPPICE_INVALID', () => k4({} as never), /^database must be an open database/);
  t.is(db.database.revision, 1);
});

test('k4 D82: a query with more pairs than anybody should hold says so, unless it says how many it wants', async (t) => {
  const db = await temporaryK4(t);
  const keys = keysUpTo(100_001);
  await db.database.batch(keys.slice(1).map((key) => ({ type: 'put', key, value: '' })));
  t.is((await db.greaterThanEq('')).length, 100_000);
  await db.put(keys[0] as string, '');
  await refuses(t, 'COPPICE_TOO_LARGE', () => db.greaterThanEq(''), /more than 100000 pairs/);
  await refuses(t, 'COPPICE_TOO_LARGE', () => db.nget('none'));
  t.is((await db.greaterThanEq('', { limit: 200_000 })).length, 100_001);
  t.is((await db.greaterThanEq('', { limit: 3 })).length, 3);
});
