import test from 'ava';
import type { Database, Sublevel } from '../ts/index.js';
import { fill, temporaryDatabase } from './support/database.js';
import { refuses } from './support/errors.js';

test('a sublevel holds its keys under its name, as Level stores them', async (t) => {
  const db = await temporaryDatabase(t);
  const users = db.sublevel('users');
  await users.put('ada', '1');
  await users.sublevel('logins').put('ada', '2');
  t.is(users.name, 'users');
  t.is(users.prefix, '!users!');
  t.is(users.sublevel('logins').prefix, '!users!!logins!');
  t.deepEqual(await db.keys().toArray(), ['!users!!logins!ada', '!users!ada']);
  t.is(await users.get('ada'), '1');
  t.is(await db.get('ada'), undefined);
});

test('a range of a sublevel never leaves it, whatever its bounds', async (t) => {
  const db = await temporaryDatabase(t);
  const keys = ['a', 'b', 'c'];
  const around = ['', ' ', '!', '!a', '!a"', '!aa!x', '!b!x', 'zz'];
  await fill(db, around);
  const sub = db.sublevel('a');
  await fill(sub as unknown as Database<string, string>, keys);
  t.deepEqual(await sub.keys().toArray(), keys);
  t.deepEqual(await sub.keys({ reverse: true }).toArray(), keys.toReversed());
  t.deepEqual(await sub.keys({ gte: '' }).toArray(), keys);
  t.deepEqual(await sub.keys({ lte: '\uffff' }).toArray(), keys);
  t.deepEqual(await sub.keys({ gt: 'a', reverse: true }).toArray(), ['c', 'b']);
  t.deepEqual(await sub.keys({ prefix: '' }).toArray(), keys);
  t.deepEqual(await sub.keys({ prefix: 'b' }).toArray(), ['b']);
  t.deepEqual(await sub.keys().seek('b').toArray(), ['b', 'c']);
  t.is(await sub.count(), 3);
});

test('a cursor of a sublevel goes on in it', async (t) => {
  const db = await temporaryDatabase(t);
  const sub = db.sublevel('s', { keyEncoding: 'u64' });
  for (let i = 0n; i < 10n; i++) await sub.put(i, String(i));
  const page = sub.keys({ limit: 4 });
  t.deepEqual(await page.toArray(), [0n, 1n, 2n, 3n]);
  t.deepEqual(await sub.keys({ cursor: page.cursor, limit: 2 }).toArray(), [4n, 5n]);
});

test('a sublevel has encodings of its own, else those of its parent', async (t) => {
  const db = await temporaryDatabase(t, { valueEncoding: 'json' });
  const inherited: Sublevel<string, unknown> = db.sublevel('inherited');
  await inherited.put('k', { a: 1 });
  t.deepEqual(await inherited.get('k'), { a: 1 });
  const own = db.sublevel('own', { keyEncoding: 'tuple', valueEncoding: 'buffer' });
  await own.put(['x', 1], Buffer.from('v'));
  t.deepEqual(await own.entries().toArray(), [[['x', 1], Buffer.from('v')]]);
  const typed = db.sublevel<string, { born: number }>('typed');
  await typed.put('ada', { born: 1815 });
  t.is((await typed.get('ada'))?.born, 1815);
});

test('one batch writes to the database and several sublevels, each with its encodings', async (t) => {
  const db = await temporaryDatabase(t);
  const users = db.sublevel('users', { valueEncoding: 'json' });
  const byAge = db.sublevel('byAge', { keyEncoding: 'u64' });
  const { revision } = await db.batch([
    { type: 'put', key: 'plain', value: 'text' },
    { type: 'put', sublevel: users, key: 'ada', value: { age: 36 } },
    { type: 'put', sublevel: byAge, key: 36n, value: 'ada' },
    { type: 'del', sublevel: users, key: 'nobody' },
  ]);
  t.deepEqual(await users.getEntry('ada'), { key: 'ada', value: { age: 36 }, revision });
  t.is((await byAge.getEntry(36n))?.revision, revision);
  await users.batch([
    { type: 'del', key: 'ada' },
    { type: 'del', sublevel: byAge, key: 36n },
  ]);
  t.deepEqual(await db.keys().toArray(), ['plain']);
});

test('a sublevel of another database is refused in a batch', async (t) => {
  const db = await temporaryDatabase(t);
  const other = await temporaryDatabase(t);
  const sublevel = other.sublevel('s');
  const ops = [{ type: 'del', key: 'a', sublevel }] as const;
  await refuses(t, 'COPPICE_INVALID', () => db.batch(ops), /sublevel must be a sublevel of this database/);
});

test('a name that would collide or cannot be stored is refused', async (t) => {
  const db = await temporaryDatabase(t);
  for (const name of ['', '!', 'a!b', 'a"b', 'a b', 'é', '\x7f', 'x'.repeat(256), null, 5] as never[]) {
    await refuses(t, 'COPPICE_INVALID', () => db.sublevel(name), /the name of a sublevel must be/);
  }
  await refuses(t, 'COPPICE_INVALID', () => db.sublevel('s', { keyEncoding: 'json' as never }), /for values only/);
  await refuses(
    t,
    'COPPICE_INVALID',
    () => db.sublevel('s', { separator: '/' } as never),
    /unknown option "separator"/,
  );
});

test('a chained batch of a sublevel writes and checks its own keys', async (t) => {
  const db = await temporaryDatabase(t);
  const users = db.sublevel('users');
  await db.put('ada', 'root');
  t.true((await users.batch().check({ key: 'ada', revision: null }).put('ada', '1').write()).ok);
  const lost = await users.batch().check({ key: 'ada', revision: null }).put('ada', '2').write();
  t.is(lost.ok, false);
  t.is(!lost.ok && lost.conflicts[0]?.key, 'ada');
  t.is(await db.get('ada'), 'root');
});
