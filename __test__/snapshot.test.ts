import test from 'ava';
import { fill, temporaryDatabase } from './support/database.js';
import { refuses } from './support/errors.js';

test('a snapshot sees what was there, whatever is written later', async (t) => {
  const db = await temporaryDatabase(t);
  await fill(db, ['a', 'b']);
  const snapshot = db.snapshot();
  await db.put('a', 'changed');
  await db.del('b');
  await db.put('c', 'new');
  t.is(snapshot.revision, 2);
  t.is(await snapshot.get('a'), 'A');
  t.is(snapshot.getSync('b'), 'B');
  t.is(await snapshot.get('c'), undefined);
  t.deepEqual(await snapshot.getMany(['a', 'b', 'c']), ['A', 'B', undefined]);
  t.true(await snapshot.has('b'));
  t.is((await snapshot.getEntry('a'))?.revision, 2);
  t.deepEqual(await snapshot.keys().toArray(), ['a', 'b']);
  t.is(await snapshot.count(), 2);
  snapshot.close();
});

test('a snapshot outlives flush and compaction', async (t) => {
  const db = await temporaryDatabase(t);
  await fill(db, ['a', 'b']);
  using snapshot = db.snapshot();
  for (const value of ['1', '2', '3']) {
    await db.put('a', value);
    await db.del('b');
    await db.flush();
  }
  await db.compact();
  t.deepEqual(await snapshot.entries().toArray(), [
    ['a', 'A'],
    ['b', 'B'],
  ]);
  t.deepEqual(await db.entries().toArray(), [['a', '3']]);
});

test('any read of the database or a sublevel takes a snapshot', async (t) => {
  const db = await temporaryDatabase(t);
  const users = db.sublevel('users');
  await users.put('ada', '1');
  using snapshot = db.snapshot();
  await users.put('ada', '2');
  await users.put('grace', '1');
  t.is(await users.get('ada', { snapshot }), '1');
  t.is(await db.get('!users!ada', { snapshot }), '1');
  t.deepEqual(await users.keys({ snapshot }).toArray(), ['ada']);
  t.is(await users.count({ snapshot }), 1);
});

test('a closed snapshot is refused everywhere', async (t) => {
  const db = await temporaryDatabase(t);
  await db.put('a', '1');
  const snapshot = db.snapshot();
  const range = snapshot.keys();
  snapshot.close();
  snapshot.close();
  await refuses(t, 'COPPICE_CLOSED', () => snapshot.get('a'), /this snapshot is closed/);
  await refuses(t, 'COPPICE_CLOSED', () => snapshot.count());
  await refuses(t, 'COPPICE_CLOSED', () => range.toArray());
  await refuses(t, 'COPPICE_CLOSED', () => db.get('a', { snapshot }));
});

test('what is not a snapshot of this database is refused', async (t) => {
  const db = await temporaryDatabase(t);
  const other = await temporaryDatabase(t);
  using foreign = other.snapshot();
  for (const snapshot of [foreign, {}, 5, db] as never[]) {
    await refuses(
      t,
      'COPPICE_INVALID',
      () => db.get('a', { snapshot }),
      /snapshot must be a snapshot of this database/,
    );
  }
});

test('a key that has not expired when a snapshot is taken stays in it', async (t) => {
  const db = await temporaryDatabase(t);
  const expiresAt = new Date(Date.now() + 150);
  await db.put('a', '1', { expiresAt });
  using snapshot = db.snapshot();
  while (Date.now() <= expiresAt.getTime()) await new Promise((resolve) => setTimeout(resolve, 10));
  t.is(await db.get('a'), undefined);
  t.is(await snapshot.get('a'), '1');
});

test('a snapshot may be closed after its database', async (t) => {
  const db = await temporaryDatabase(t);
  const snapshot = db.snapshot();
  await db.close();
  t.notThrows(() => snapshot.close());
});
