import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type Database, open } from '../ts/index.js';
import type { Engine } from '../ts/native/types.js';
import { temporaryFolder } from './support/database.js';

interface Person {
  name: string;
}

/** A database that was just opened: not even the index of its table is in memory, so that its first read has to wait. */
async function coldDatabase(t: ExecutionContext): Promise<Database<string, Person>> {
  const folder = join(await temporaryFolder(t), 'db');
  const options = { durability: 'process', valueEncoding: 'json' } as const;
  const written = await open<string, Person>(folder, options);
  await written.batch(['ada', 'bob', 'cleo'].map((key) => ({ type: 'put', key, value: { name: key.toUpperCase() } })));
  await written.close();
  const db = await open<string, Person>(folder, options);
  t.teardown(() => db.close());
  return db;
}

function engineOf(db: Database<string, Person>): Engine {
  return (db as unknown as { handle: { engine: Engine } }).handle.engine;
}

test('a read that has to wait for the disk waits on another thread, and the next one finds it in memory', async (t) => {
  const db = await coldDatabase(t);
  const first = engineOf(db).read('ada', 'utf8');
  t.true(first instanceof Promise);
  t.is(await first, '{"name":"ADA"}');
  t.is(engineOf(db).read('ada', 'utf8'), '{"name":"ADA"}');
  t.is(engineOf(db).read('bea', 'utf8'), undefined);
});

test('every point read answers from cold pages what it answers from memory', async (t) => {
  const everything = async (db: Database<string, Person>) => [
    await db.get('ada'),
    await db.get('bea'),
    await db.getMany(['cleo', 'bea', 'ada']),
    (await db.getEntry('bob'))?.value,
    await db.getEntry('bea'),
    await db.has('bob'),
    await db.has('bea'),
  ];
  const expected = [
    { name: 'ADA' },
    undefined,
    [{ name: 'CLEO' }, undefined, { name: 'ADA' }],
    { name: 'BOB' },
    undefined,
    true,
    false,
  ];
  const db = await coldDatabase(t);
  t.deepEqual(await everything(db), expected);
  t.deepEqual(await everything(db), expected);
  for (let which = 0; which < expected.length; which++) {
    const cold = await coldDatabase(t);
    const one = [
      () => cold.get('ada'),
      () => cold.get('bea'),
      () => cold.getMany(['cleo', 'bea', 'ada']),
      async () => (await cold.getEntry('bob'))?.value,
      () => cold.getEntry('bea'),
      () => cold.has('bob'),
      () => cold.has('bea'),
    ][which]!;
    t.deepEqual(await one(), expected[which]);
  }
});

test('a read sees what was there when it was asked for, however long it waits', async (t) => {
  const db = await coldDatabase(t);
  const reading = db.get('ada');
  const writing = db.put('ada', { name: 'somebody else' });
  t.deepEqual(await reading, { name: 'ADA' });
  await writing;
  t.deepEqual(await db.get('ada'), { name: 'somebody else' });
});

test('a snapshot that is closed meanwhile takes nothing from a read that waits', async (t) => {
  const db = await coldDatabase(t);
  const snapshot = db.snapshot();
  const reading = snapshot.get('ada');
  snapshot.close();
  t.deepEqual(await reading, { name: 'ADA' });
});

test('a database that is closed while reads wait answers each of them, and opens again', async (t) => {
  const folder = join(await temporaryFolder(t), 'db');
  for (let round = 0; round < 20; round++) {
    const db = await open(folder, { durability: 'process' });
    const reads = ['a', 'b', 'c'].map((key) => db.get(key));
    const closing = db.close();
    for (const read of await Promise.allSettled(reads)) {
      if (read.status === 'rejected') t.is((read.reason as { code: string }).code, 'COPPICE_CLOSED');
      else t.is(read.value, round === 0 ? undefined : 'value');
    }
    await closing;
    const again = await open(folder, { durability: 'process' });
    await again.batch(['a', 'b', 'c'].map((key) => ({ type: 'put', key, value: 'value' })));
    await again.close();
  }
});

/** Enough rows for several chunks, in a database that was just opened. */
async function coldRows(t: ExecutionContext): Promise<{ db: Database<string, string>; rows: [string, string][] }> {
  const folder = join(await temporaryFolder(t), 'db');
  const rows = Array.from({ length: 5000 }, (_, i): [string, string] => [
    String(i).padStart(5, '0'),
    'v'.repeat(i % 300),
  ]);
  const written = await open(folder, { durability: 'process' });
  await written.batch(rows.map(([key, value]) => ({ type: 'put', key, value })));
  await written.close();
  const db = await open(folder, { durability: 'process' });
  t.teardown(() => db.close());
  return { db, rows };
}

test('a range over cold pages has the rows it has over those in memory, both ways', async (t) => {
  for (const reverse of [false, true]) {
    const { db, rows } = await coldRows(t);
    const expected = reverse ? rows.toReversed() : rows;
    t.deepEqual(await db.entries({ reverse }).toArray(), expected);
    t.deepEqual(await db.entries({ reverse }).toArray(), expected);
  }
  const walked = await coldRows(t);
  const found: [string, string][] = [];
  for await (const row of walked.db.entries()) found.push(row);
  t.deepEqual(found, walked.rows);
  const counted = await coldRows(t);
  t.is(await counted.db.count(), counted.rows.length);
  const first = await coldRows(t);
  t.deepEqual(await first.db.entries({ gte: '02000' }).first(), first.rows[2000]);
  const limited = await coldRows(t);
  t.deepEqual(await limited.db.keys({ gt: '00009', limit: 3 }).toArray(), ['00010', '00011', '00012']);
});

test('rows that are asked for before the first one is there come in order', async (t) => {
  const { db, rows } = await coldRows(t);
  const iterator = db.entries()[Symbol.asyncIterator]();
  const asked = [iterator.next(), iterator.next(), iterator.next()];
  t.deepEqual(
    (await Promise.all(asked)).map(({ value }) => value),
    rows.slice(0, 3),
  );
  await iterator.return?.();
});

test('a range that is closed while it waits for the disk ends, and leaves nothing behind', async (t) => {
  const { db } = await coldRows(t);
  const range = db.entries();
  const iterator = range[Symbol.asyncIterator]();
  const next = iterator.next();
  await range.close();
  t.true((await next).done);
  t.is((await db.keys().toArray()).length, 5000);
});

test('a range reads on the calling thread while it waits for another: it says to await that first', async (t) => {
  const { db, rows } = await coldRows(t);
  const range = db.entries();
  const next = range[Symbol.asyncIterator]().next();
  const error = t.throws(() => range.toArraySync()) as Error & { code: string };
  t.is(error.code, 'COPPICE_BUSY');
  await t.notThrowsAsync(next.catch(() => undefined));
  t.deepEqual(await db.entries().toArray(), rows);
});
