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
