import test from 'ava';
import { refuses } from '../support/errors.js';
import { randomOf } from '../support/random.js';
import { fill, keysUpTo, temporaryK4 } from './support.js';

const upper = (key: string) => key.toUpperCase();

test('next and prev give the pair after and before the one given last, and beyond an end there is none', async (t) => {
  const db = await temporaryK4(t);
  await fill(db, ['a', 'b', 'c'], upper);
  const iterator = db.iterator();
  t.is(iterator.prev(), null, 'it begins before the first');
  t.deepEqual(iterator.next(), ['a', 'A']);
  t.deepEqual(iterator.next(), ['b', 'B']);
  t.deepEqual(iterator.prev(), ['a', 'A']);
  t.is(iterator.prev(), null);
  t.is(iterator.prev(), null);
  for (const key of ['a', 'b', 'c']) t.deepEqual(iterator.next(), [key, upper(key)]);
  t.is(iterator.next(), null);
  t.is(iterator.next(), null);
  for (const key of ['c', 'b', 'a']) t.deepEqual(iterator.prev(), [key, upper(key)], 'back from the end');
  t.is(iterator.prev(), null);
});

test('any walk in both directions agrees with an array, over chunks of any length and within bounds', async (t) => {
  const random = randomOf(t);
  const db = await temporaryK4(t);
  const all = keysUpTo(3_000);
  await fill(db, all, upper);
  await db.escalateFlush();
  const bounds = { gte: all[100] as string, lt: all[2_900] as string };
  for (const [range, keys] of [[{}, all] as const, [bounds, all.slice(100, 2_900)] as const]) {
    const iterator = db.iterator(range);
    let at = -1;
    for (let leg = 0; leg < 60; leg++) {
      if (random(5) === 0) {
        at = random(keys.length + 1);
        const sought = at === keys.length ? 'z' : (keys[at] as string);
        t.deepEqual(iterator.seek(sought)?.[0], keys[at]);
      }
      const step = random(2) === 0 ? 1 : -1;
      for (let left = random(random(3) === 0 ? 3_500 : 40); left > 0; left--) {
        at = Math.min(keys.length, Math.max(-1, at + step));
        const given = step === 1 ? iterator.next() : iterator.prev();
        if (given?.[0] !== keys[at]) return t.fail(`${given?.[0]} for ${keys[at]}`);
      }
    }
    iterator.close();
  }
  t.is(db.database.stats().snapshots, 0);
});

test('seek goes to the first pair at or after a key, within the bounds, from where it goes both ways', async (t) => {
  const db = await temporaryK4(t);
  await fill(db, ['a', 'b', 'c', 'd'], upper);
  const iterator = db.iterator({ gt: 'a', lte: 'c' });
  t.deepEqual(iterator.seek('bb'), ['c', 'C']);
  t.deepEqual(iterator.prev(), ['b', 'B']);
  t.deepEqual(iterator.seek(''), ['b', 'B']);
  t.is(iterator.prev(), null);
  t.is(iterator.seek('cc'), null);
  t.deepEqual(iterator.prev(), ['c', 'C']);
});

test('it sees what there was when it was made; reset begins anew, with what there is now', async (t) => {
  const db = await temporaryK4(t);
  await fill(db, ['a', 'c'], upper);
  const iterator = db.iterator();
  t.deepEqual(iterator.next(), ['a', 'A']);
  await fill(db, ['b', 'c'], 'later');
  await db.delete('a');
  t.deepEqual(iterator.next(), ['c', 'C']);
  t.deepEqual(iterator.prev(), ['a', 'A']);
  iterator.reset();
  t.is(iterator.prev(), null);
  t.deepEqual(iterator.next(), ['b', 'later']);
  t.deepEqual(iterator.next(), ['c', 'later']);
  iterator.reset();
  t.is(iterator.prev(), null);
  iterator.seek('c');
  iterator.reset();
  t.deepEqual(iterator.next(), ['b', 'later']);
});

test('bytes that it was given and gave out may be changed, and it goes on from where it was', async (t) => {
  const db = await temporaryK4(t, { keyEncoding: 'buffer', valueEncoding: 'buffer' });
  for (const key of ['a', 'b', 'c']) await db.put(Buffer.from(key), Buffer.from(key));
  const bound = Buffer.from('a');
  const iterator = db.iterator({ gte: bound });
  bound.fill(0xff);
  for (const step of ['next', 'next', 'prev', 'next'] as const)
    iterator[step]()?.forEach((bytes) => void bytes.fill(0));
  t.deepEqual(iterator.prev()?.map(String), ['a', 'a']);
});

test('a closed iterator holds nothing and is refused, as is one whose database is closed', async (t) => {
  const db = await temporaryK4(t);
  await fill(db, ['a', 'b'], upper);
  const iterator = db.iterator();
  iterator.next();
  t.is(db.database.stats().snapshots, 1);
  iterator.close();
  iterator.close();
  t.is(db.database.stats().snapshots, 0);
  for (const call of [() => iterator.next(), () => iterator.prev(), () => iterator.reset(), () => iterator.seek('a')]) {
    await refuses(t, 'COPPICE_CLOSED', call, /iterator/);
  }
  await refuses(t, 'COPPICE_INVALID', () => db.iterator({ gt: 'a', gte: 'a' }));
  await refuses(t, 'COPPICE_INVALID', () => db.iterator({ limit: 1 } as object), /"limit" of an iterator/);
  const left = db.iterator();
  await db.close();
  await refuses(t, 'COPPICE_CLOSED', () => left.next(), /database/);
  await refuses(t, 'COPPICE_CLOSED', () => db.iterator());
});
