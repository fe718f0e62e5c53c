import test from 'ava';
import type { K4 } from '../../ts/k4/index.js';
import { openK4 } from '../../ts/k4/index.js';
import { fill, keysUpTo, temporaryK4 } from './support.js';

/** What the tables of a database take. */
function tableBytes(db: K4<string, string>): number {
  return db.database.stats().levels.reduce((sum, { bytes }) => sum + bytes, 0);
}

function tableCount(db: K4<string, string>): number {
  return db.database.stats().levels.reduce((sum, { files }) => sum + files, 0);
}

test('k4 D52: two tables are merged as any number is', async (t) => {
  const db = await temporaryK4(t);
  for (const value of ['old', 'new']) {
    await fill(db, keysUpTo(50), value);
    await db.escalateFlush();
  }
  t.is(tableCount(db), 2);
  await db.escalateCompaction();
  t.is(tableCount(db), 1);
  t.is((await db.greaterThanEq('')).filter(([, value]) => value === 'new').length, 50);
});

test('k4 D64: a pair of 22 bytes takes some 22 bytes of a table', async (t) => {
  const db = await temporaryK4(t, { compress: false });
  await fill(db, keysUpTo(20_000), (key) => key.padEnd(13, 'v'));
  await db.escalateFlush();
  const each = tableBytes(db) / 20_000;
  t.true(each < 33, `${each} bytes`);
});

test('k4 D66: the log takes little more than what was written, and goes when that is in tables', async (t) => {
  const db = await temporaryK4(t);
  const write = () => fill(db, keysUpTo(20_000), 'v'.repeat(13));
  await write();
  const { logBytes } = db.database.stats();
  // A quarter of what K4 took, with what is made ready for the next ones.
  t.true(logBytes / 20_000 < 1_040 / 4, `${logBytes} bytes`);
  for (let round = 0; round < 10; round++) {
    await write();
    await db.escalateFlush();
  }
  t.true(db.database.stats().logBytes <= 3 * logBytes, `${db.database.stats().logBytes} bytes`);
});

test('k4 D70: gets and puts go on while tables are merged', async (t) => {
  const db = await temporaryK4(t);
  const keys = keysUpTo(4_000);
  let meanwhile = 0;
  for (let round = 0; meanwhile === 0 && round < 10; round++) {
    for (let table = 0; table < 3; table++) {
      await fill(db, keys, `${round}${table}`.repeat(500));
      await db.escalateFlush();
    }
    const { compactions } = db.database.stats();
    const compacting = db.escalateCompaction();
    for (const key of keys.slice(0, 100)) t.is(db.database.getSync(key), `${round}2`.repeat(500));
    void db.put('meanwhile', String(round));
    t.is(db.database.getSync('meanwhile'), String(round));
    if (db.database.stats().compactions === compactions) meanwhile++;
    await compacting;
  }
  t.is(meanwhile, 1, 'once all was read and written before the compaction was done');
});

test('k4 D77: of versions in several tables the newest is read after they were merged', async (t) => {
  for (const policy of ['paired', 'levelled'] as const) {
    const db = await temporaryK4(t, { compaction: { policy } });
    for (let version = 1; version <= 7; version++) {
      await fill(db, keysUpTo(20), `v${version}`);
      await db.escalateFlush();
      t.is(await db.get('key000003'), `v${version}`);
    }
    await db.escalateCompaction();
    t.is((await db.greaterThanEq('')).filter(([, value]) => value === 'v7').length, 20);
    await db.close();
  }
});

test('k4 D79: four tables are merged 40 times, and nothing is lost', async (t) => {
  t.timeout(120_000);
  for (let run = 0; run < 40; run++) {
    const policy = run % 2 === 0 ? 'paired' : 'levelled';
    const db = await temporaryK4(t, { compaction: { policy }, compress: run % 4 < 2 });
    const keys = keysUpTo(200);
    const compactions = [];
    for (let table = 0; table < 4; table++) {
      await fill(db, keys.slice(50 * table, 50 * table + 50), (key) => key.toUpperCase());
      await db.escalateFlush();
      if (run % 3 === 0) compactions.push(db.escalateCompaction());
    }
    await Promise.all([...compactions, db.escalateCompaction()]);
    const pairs = keys.map((key) => [key, key.toUpperCase()]);
    t.deepEqual(await db.greaterThanEq(''), pairs as [string, string][]);
    for (const [key, value] of pairs) t.is(await db.get(key as string), value);
    await db.close();
    const again = await openK4(db.database.path);
    t.deepEqual(await again.greaterThanEq(''), pairs as [string, string][]);
    await again.close();
  }
});

test('k4 D80: values that were overwritten leave with the next compaction', async (t) => {
  const db = await temporaryK4(t, { compress: false });
  for (let round = 0; round < 3; round++) {
    await fill(db, keysUpTo(100), `${round}`.repeat(1_000));
    await db.escalateFlush();
  }
  const before = tableBytes(db);
  await db.escalateCompaction();
  t.true(tableBytes(db) < 0.4 * before, `${before} -> ${tableBytes(db)}`);
});

test('k4 D81: tables do not grow with each compaction', async (t) => {
  const db = await temporaryK4(t);
  await fill(db, keysUpTo(300), (key) => key.repeat(450));
  await db.escalateCompaction();
  const first = tableBytes(db);
  for (let round = 0; round < 10; round++) {
    await fill(db, keysUpTo(10), (key) => key.repeat(450));
    await db.escalateFlush();
    await db.escalateCompaction();
  }
  t.true(tableBytes(db) < 1.05 * first, `${first} -> ${tableBytes(db)}`);
  t.is((await db.greaterThanEq('')).length, 300);
});

test('k4 D85: every key of a table of 20,000 is found', async (t) => {
  const db = await temporaryK4(t);
  const keys = keysUpTo(20_000);
  await fill(db, keys, (key) => key);
  await db.escalateFlush();
  t.is(tableCount(db), 1);
  // The second lookup of a table goes by its filter.
  t.deepEqual(await db.database.getMany(keys), keys);
});
