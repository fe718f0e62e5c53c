import test from 'ava';
import { type K4, openK4 } from '../../ts/k4/index.js';
import { randomOf } from '../support/random.js';
import { fill, keysUpTo, temporaryK4 } from './support.js';

/** Pages that were looked at since the database was opened, in memory or not. */
function pagesSeen(db: K4<string, string>): number {
  const counts = [...db.database.metrics().matchAll(/^coppice_cache_(?:hits|misses)_total\{.*\} (\d+)$/gm)];
  return counts.reduce((sum, [, count]) => sum + Number(count), 0);
}

test('k4 D16: a key that is not there has no value, in memory and in tables, the empty one included', async (t) => {
  const db = await temporaryK4(t);
  await fill(db, keysUpTo(20_000), 'of another key');
  for (const place of ['memory', 'tables']) {
    t.is(await db.get(''), undefined, place);
    const strangers = keysUpTo(20_000).map((key) => `${key}x`);
    const found = await db.database.getMany(strangers);
    t.true(
      found.every((value) => value === undefined),
      place,
    );
    await db.escalateFlush();
  }
  await db.put('', 'of the empty key');
  t.is(await db.get(''), 'of the empty key');
});

test('k4 D18: what is being flushed is read, and written to, meanwhile', async (t) => {
  const db = await temporaryK4(t);
  const keys = keysUpTo(5_000);
  let meanwhile = 0;
  for (let round = 0; meanwhile === 0 && round < 20; round++) {
    const value = `${round}`.repeat(500);
    await fill(db, keys, value);
    const { flushes } = db.database.stats();
    const flushing = db.escalateFlush();
    const found = keys.map((key) => db.database.getSync(key));
    t.true(
      found.every((one) => one === value),
      `round ${round}`,
    );
    void db.put('meanwhile', value);
    t.is(db.database.getSync('meanwhile'), value);
    if (db.database.stats().flushes === flushes) meanwhile++;
    await flushing;
    t.is(db.database.getSync(keys[7] as string), value);
  }
  t.is(meanwhile, 1, 'once all was read and written before the flush was done');
});

test('k4 D20: a key is deleted wherever it is, and stays so through flushes, compactions and opens', async (t) => {
  const db = await temporaryK4(t);
  await fill(db, ['in memory', 'in a table', 'in two tables'], '1');
  await db.escalateFlush();
  await db.put('in two tables', '2');
  await db.escalateFlush();
  await db.put('in memory', '3');
  const keys = ['in memory', 'in a table', 'in two tables'];
  const gone = async (when: string, of = db) => {
    for (const key of keys) t.is(await of.get(key), undefined, when);
    t.deepEqual(await of.greaterThanEq(''), [], when);
    t.is(of.iterator().next(), null, when);
  };
  for (const key of keys) await db.delete(key);
  await gone('at once');
  await db.escalateFlush();
  await gone('after a flush');
  await db.escalateCompaction();
  await gone('after a compaction');
  await db.close();
  const again = await openK4(db.database.path);
  await gone('after an open', again);
  await again.close();
});

test('k4 D21: deletes fill a memtable as puts do, and leave nothing behind', async (t) => {
  const db = await temporaryK4(t, { memtableFlushThreshold: 256 << 10 });
  await db.put('a', '1');
  for (let n = 0; n < 20; n++) await Promise.all(Array.from({ length: 1_000 }, () => db.delete('a')));
  const { flushes, memtableBytes } = db.database.stats();
  t.true(flushes > 0);
  t.true(memtableBytes <= 4 * (256 << 10));
  await db.escalateFlush();
  await db.escalateCompaction();
  t.deepEqual(
    db.database.stats().levels.filter(({ entries }) => entries > 0),
    [],
  );
});

test('k4 D22: a delete hides its own key and no other', async (t) => {
  const random = randomOf(t);
  for (let round = 0; round < 20; round++) {
    const db = await temporaryK4(t);
    const keys = keysUpTo(1_000);
    await fill(db, keys, '1');
    const deleted = new Set(Array.from({ length: 10 }, () => keys[random(1_000)] as string));
    for (const key of deleted) await db.delete(key);
    const found = await db.database.getMany(keys);
    t.deepEqual(
      keys.filter((_, i) => found[i] === undefined),
      [...deleted].sort(),
    );
    await fill(db, [...deleted], '2');
    t.deepEqual(
      (await db.greaterThanEq('')).map(([key]) => key),
      keys,
    );
    await db.close();
  }
});

test('k4 D23: queries and iterators answer what a sorted map does, whatever was written, flushed and merged', async (t) => {
  const random = randomOf(t);
  const db = await temporaryK4(t, { memtableFlushThreshold: 256 << 10, compaction: { policy: 'paired' } });
  const model = new Map<string, string>();
  const keys = keysUpTo(200);
  const any = () => keys[random(keys.length)] as string;
  for (let round = 0; round < 60; round++) {
    for (let n = 0; n < 40; n++) {
      const key = any();
      if (random(3) === 0) {
        model.delete(key);
        await db.delete(key);
      } else {
        const value = `${round}.${n}`.repeat(1 + random(1_000));
        model.set(key, value);
        await db.put(key, value);
      }
    }
    if (random(2) === 0) await db.escalateFlush();
    if (random(6) === 0) await db.escalateCompaction();
    const pairs = [...model].sort(([a], [b]) => (a < b ? -1 : 1));
    const [a, b] = [any(), any()];
    const where = (holds: (key: string) => boolean) => pairs.filter(([key]) => holds(key));
    t.deepEqual(
      await db.nget(a),
      where((key) => key !== a),
    );
    t.deepEqual(
      await db.range(a, b),
      where((key) => key >= a && key <= b),
    );
    t.deepEqual(
      await db.nrange(a, b),
      where((key) => key < a || key > b),
    );
    t.deepEqual(
      await db.greaterThan(a),
      where((key) => key > a),
    );
    t.deepEqual(
      await db.greaterThanEq(a),
      where((key) => key >= a),
    );
    t.deepEqual(
      await db.lessThan(a),
      where((key) => key < a),
    );
    t.deepEqual(
      await db.lessThanEq(a),
      where((key) => key <= a),
    );
    const iterator = db.iterator();
    const given: [string, string][] = [];
    for (let pair = iterator.next(); pair !== null; pair = iterator.next()) given.push(pair);
    t.deepEqual(given, pairs);
    for (let pair = iterator.prev(); pair !== null; pair = iterator.prev()) t.deepEqual(pair, given.pop());
    t.is(given.length, 0);
    iterator.close();
  }
});

test('k4 D26: a query looks at the pages that hold its answer, not at all there are', async (t) => {
  const db = await temporaryK4(t);
  const keys = keysUpTo(20_000);
  await fill(db, keys, 'v'.repeat(100));
  await db.escalateFlush();
  const looked = async (query: () => Promise<unknown[]>) => {
    const before = pagesSeen(db);
    await query();
    return pagesSeen(db) - before;
  };
  const all = await looked(() => db.greaterThanEq(''));
  t.true(all > 100, `${all} pages`);
  const [first, second] = [keys[10_000] as string, keys[10_002] as string];
  t.true((await looked(() => db.range(first, second))) <= 3);
  t.true((await looked(() => db.lessThan(keys[3] as string))) <= 3);
  t.true((await looked(() => db.nget('none', { limit: 5 }))) <= 3);
});

test('k4 D29: 300 values of 4 KB are 300 pairs, each with its own key', async (t) => {
  const db = await temporaryK4(t);
  const keys = keysUpTo(300);
  await fill(db, keys, (key) => key.repeat(450));
  for (let round = 0; round < 3; round++) {
    const pairs = await db.lessThan('z');
    t.is(pairs.length, 300);
    t.true(pairs.every(([key, value], i) => key === keys[i] && value === key.repeat(450)));
    await (round === 0 ? db.escalateFlush() : db.escalateCompaction());
  }
});

test('k4 D30: there is an iterator before there is a table', async (t) => {
  const db = await temporaryK4(t);
  const empty = db.iterator();
  t.is(empty.next(), null);
  t.is(empty.prev(), null);
  await db.put('a', '1');
  t.deepEqual(db.iterator().next(), ['a', '1']);
  t.is(db.database.stats().flushes, 0);
});

test('k4 D32: prev passes any number of deleted keys', async (t) => {
  const db = await temporaryK4(t);
  const keys = keysUpTo(100_000);
  await db.put('a', 'first');
  await db.database.batch(keys.map((key) => ({ type: 'put', key, value: '' })));
  await db.put('z', 'last');
  await db.database.batch(keys.map((key) => ({ type: 'del', key })));
  for (const place of ['memory', 'tables']) {
    const iterator = db.iterator();
    t.deepEqual(iterator.seek('z'), ['z', 'last']);
    t.deepEqual(iterator.prev(), ['a', 'first'], place);
    t.is(iterator.prev(), null);
    t.deepEqual(
      [iterator.next(), iterator.next()],
      [
        ['a', 'first'],
        ['z', 'last'],
      ],
      place,
    );
    await db.escalateFlush();
  }
});

test('k4 D33: an iterator keeps what it saw, whatever is written, flushed and merged under it', async (t) => {
  const db = await temporaryK4(t);
  const keys = keysUpTo(3_000);
  await fill(db, keys, 'old');
  await db.escalateFlush();
  const iterator = db.iterator();
  for (let n = 0; n < 3_000; n++) {
    t.deepEqual(iterator.next(), [keys[n], 'old']);
    if (n % 500 !== 0) continue;
    await fill(db, keys, `new ${n}`);
    await db.delete(keys[2_999] as string);
    await db.escalateFlush();
    await db.escalateCompaction();
  }
  t.is(iterator.next(), null);
  t.deepEqual(iterator.prev(), [keys[2_999], 'old']);
  iterator.reset();
  t.deepEqual(iterator.next(), [keys[0], 'new 2500']);
});
