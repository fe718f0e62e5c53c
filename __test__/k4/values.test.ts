import test from 'ava';
import type { K4 } from '../../ts/k4/index.js';
import { openK4 } from '../../ts/k4/index.js';
import { randomOf } from '../support/random.js';
import { holds } from '../support/until.js';
import { fill, keysUpTo, temporaryK4 } from './support.js';

const TOMBSTONE = '$tombstone';

/** Calls `check` with what is in memory, then in a table, then in one that was merged, and after another open. */
async function everywhere(db: K4<Buffer, Buffer>, check: (where: string, db: K4<Buffer, Buffer>) => Promise<void>) {
  await check('memory', db);
  await db.escalateFlush();
  await check('a table', db);
  await db.escalateCompaction();
  await check('a merged table', db);
  await db.close();
  const again = await openK4(db.database.path, { keyEncoding: 'buffer', valueEncoding: 'buffer' });
  await check('another open', again);
  await again.close();
}

const BYTES = { keyEncoding: 'buffer', valueEncoding: 'buffer' } as const;

test('k4 D12: bytes may be changed after the call, and what is stored is what was given', async (t) => {
  const db = await temporaryK4(t, BYTES);
  const [key, value] = [Buffer.from('key'), Buffer.from('value')];
  const put = db.put(key, value);
  value.fill(0);
  key.fill(0);
  await put;
  const [other, changed] = [Buffer.from('other'), Buffer.from('value')];
  const transaction = db.beginTransaction();
  transaction.addOperation('PUT', other, changed);
  other.fill(0);
  changed.fill(0);
  await transaction.commit();
  const found = await db.greaterThanEq(Buffer.alloc(0));
  t.deepEqual(
    found.map((pair) => pair.map(String)),
    [
      ['key', 'value'],
      ['other', 'value'],
    ],
  );
  // Nor is what was read.
  for (const pair of found) for (const bytes of pair) bytes.fill(0);
  t.is(String(await db.get(Buffer.from('key'))), 'value');
});

test('k4 D36: a value is a value, whatever it says', async (t) => {
  const db = await temporaryK4(t);
  await db.put('a', TOMBSTONE);
  const transaction = db.beginTransaction();
  transaction.addOperation('PUT', 'b', TOMBSTONE);
  await transaction.commit();
  for (let round = 0; round < 3; round++) {
    t.deepEqual(
      await db.greaterThanEq(''),
      ['a', 'b'].map((key) => [key, TOMBSTONE]),
    );
    await (round === 0 ? db.escalateFlush() : db.escalateCompaction());
  }
});

test('k4 D56: keys and values are bytes, zeros included, and iterators give all of them', async (t) => {
  const db = await temporaryK4(t, BYTES);
  const keys = [[], [0], [0, 0], [0, 0, 1], [0, 1], [97], [97, 0], [97, 0, 98], [255]].map((key) => Buffer.from(key));
  for (const key of keys) await db.put(key, Buffer.concat([key, Buffer.from([0]), key]));
  await everywhere(db, async (where, db) => {
    const iterator = db.iterator();
    for (const key of keys) {
      t.deepEqual(await db.get(key), Buffer.concat([key, Buffer.from([0]), key]), where);
      t.deepEqual(iterator.next()?.[0], key, where);
    }
    t.is(iterator.next(), null);
    iterator.close();
  });
});

test('k4 D57: no value is not the empty value, wherever it is', async (t) => {
  const db = await temporaryK4(t, BYTES);
  const empty = Buffer.alloc(0);
  for (const key of ['a', 'b']) await db.put(Buffer.from(key), empty);
  await db.delete(Buffer.from('b'));
  await everywhere(db, async (where, db) => {
    t.deepEqual(await db.get(Buffer.from('a')), empty, where);
    t.is(await db.get(Buffer.from('b')), undefined, where);
    t.deepEqual(await db.greaterThanEq(empty), [[Buffer.from('a'), empty]], where);
  });
});

test('k4 D87: what repeats comes back as it was, however long and compressed', async (t) => {
  const db = await temporaryK4(t, { ...BYTES, compress: true, blobBytes: 0 });
  const lengths = [1, 255, 256, 257, 511, 512, 513, 1_000, 4_096, 65_535, 65_536, 200_000];
  const values = lengths.flatMap((length) =>
    ['a', 'ab', 'abc'.repeat(90)].map((unit) =>
      Buffer.from(unit.repeat(Math.ceil(length / unit.length)).slice(0, length)),
    ),
  );
  for (const [n, value] of values.entries()) await db.put(Buffer.from([n]), value);
  await everywhere(db, async (where, db) => {
    for (const [n, value] of values.entries()) t.true(value.equals((await db.get(Buffer.from([n]))) as Buffer), where);
  });
});

test('k4 D88: what cannot be compressed is stored as it is', async (t) => {
  const random = randomOf(t);
  const db = await temporaryK4(t, { ...BYTES, compress: true });
  const value = () => Buffer.from(Array.from({ length: 1_000 }, () => random(256)));
  const values = Array.from({ length: 1_000 }, value);
  for (const [n, value] of values.entries()) await db.put(Buffer.from(`key${n}`), value);
  await db.escalateFlush();
  await db.escalateCompaction();
  const { levels } = db.database.stats();
  const bytes = levels.reduce((sum, level) => sum + level.bytes, 0);
  t.true(bytes < 1.05 * 1_000_000, `${bytes} bytes`);
  t.deepEqual(await db.get(Buffer.from('key7')), values[7]);
});

test('k4 D53: an expired version hides those before it, in memory and in tables', async (t) => {
  const db = await temporaryK4(t);
  for (const key of ['memory', 'table', 'merged']) await db.put(key, 'without a ttl');
  await db.put('merged', 'with one', 300);
  await db.escalateFlush();
  await db.put('table', 'with one', 300);
  await db.escalateFlush();
  await db.put('memory', 'with one', 300);
  await db.put('alive', 'v');
  await holds(async () => {
    const expiring = await db.nget('alive');
    for (const [, value] of expiring) t.is(value, 'with one');
    return expiring.length === 0;
  });
  for (const step of ['escalateFlush', 'escalateCompaction', 'escalateFlush'] as const) {
    t.deepEqual(await db.greaterThanEq(''), [['alive', 'v']]);
    t.deepEqual(db.iterator().next(), ['alive', 'v']);
    for (const key of ['memory', 'table', 'merged']) t.is(await db.get(key), undefined);
    await db[step]();
  }
});

test('k4 D54: a time of expiry is what the put said, through flushes, compactions and opens', async (t) => {
  const db = await temporaryK4(t);
  await fill(db, keysUpTo(10), 'v');
  await db.put('a', 'v', '10d');
  const before = await db.database.getEntry('a');
  t.truthy(before?.expiresAt);
  await db.escalateFlush();
  t.deepEqual(await db.database.getEntry('a'), before);
  await db.escalateCompaction();
  t.deepEqual(await db.database.getEntry('a'), before);
  await db.close();
  const again = await openK4(db.database.path);
  t.deepEqual(await again.database.getEntry('a'), before);
  await again.close();
});
