import { join } from 'node:path';
import test from 'ava';
import { type Database, open, type Version } from '../../ts/index.js';
import { fill, temporaryDatabase, temporaryFolder } from '../support/database.js';
import { refuses } from '../support/errors.js';

/** A database of which key `k` was written by revisions 2, 3 and 5, deleted by 4, and `other` written by 6. */
async function priced(t: Parameters<typeof temporaryDatabase>[0]): Promise<Database<string, string>> {
  const db = await temporaryDatabase(t, { history: true });
  await db.put('k', 'first');
  await db.put('k', 'second', { ttl: 1 });
  await db.del('k');
  await db.put('k', 'third');
  await db.put('other', 'x');
  return db;
}

test('every read can be of any revision', async (t) => {
  const db = await priced(t);
  for (const merged of [false, true]) {
    if (merged) await db.compact();
    t.deepEqual(await Promise.all([1, 2, 3, 4, 5, 6].map((at) => db.get('k', { at }))), [
      undefined,
      'first',
      'second',
      undefined,
      'third',
      'third',
    ]);
    t.is(db.getSync('k', { at: 2n }), 'first');
    t.deepEqual(await db.getMany(['k', 'other'], { at: 3 }), ['second', undefined]);
    t.deepEqual(await db.getEntry('k', { at: 3 }), {
      key: 'k',
      value: 'second',
      revision: 3,
      createRevision: 2,
      version: 2,
      expiresAt: (await db.getEntry('k', { at: 3 }))?.expiresAt as Date,
    });
    t.deepEqual([await db.has('k', { at: 4 }), await db.has('k', { at: 5 })], [false, true]);
    t.deepEqual([await db.count({ at: 4 }), await db.count({ at: 6 })], [0, 2]);
    t.deepEqual(await db.entries({ at: 5 }).toArray(), [['k', 'third']]);
    t.deepEqual(db.keys({ at: 6, reverse: true }).toArraySync(), ['other', 'k']);
    t.deepEqual([...db.values({ at: 3 })], ['second']);
    t.is(
      await db
        .entries({ at: 2 })
        .first()
        .then((row) => row?.[1]),
      'first',
    );
    const seen: string[] = [];
    for await (const record of db.records({ at: 6 }))
      seen.push(`${record.key} ${record.createRevision} ${record.version}`);
    t.deepEqual(seen, ['k 5 1', 'other 6 1']);
  }
  t.is(db.stats().snapshots, 0, 'no read has left a pin');
});

test('the present has versions too', async (t) => {
  const db = await priced(t);
  await db.put('k', 'fourth');
  t.deepEqual(await db.getEntry('k'), { key: 'k', value: 'fourth', revision: 7, createRevision: 5, version: 2 });
  t.deepEqual(await db.records({ prefix: 'k' }).toArray(), [
    { key: 'k', value: 'fourth', revision: 7, createRevision: 5, version: 2 },
  ]);
});

test('revisions that cannot be read are refused by every read, with the one that can', async (t) => {
  const db = await priced(t);
  await db.trim(4);
  const reads = [
    () => db.get('k', { at: 3 }),
    () => db.getMany(['k', 'x'], { at: 3 }),
    () => db.getEntry('k', { at: 3 }),
    () => db.has('k', { at: 3 }),
    () => db.count({ at: 3 }),
    () => db.entries({ at: 3 }).toArray(),
    async () => db.getSync('k', { at: 3 }),
    async () => db.keys({ at: 3 }).toArraySync(),
    () => db.history('k', { from: 3 }).toArray(),
  ];
  for (const read of reads) await refuses(t, 'COPPICE_COMPACTED', read, /the oldest that can be read is 4/);
  await refuses(t, 'COPPICE_FUTURE_REVISION', () => db.get('k', { at: 7 }), /the newest is 6/);
  await refuses(t, 'COPPICE_FUTURE_REVISION', () => db.trim(7), /the newest is 6/);
  await refuses(t, 'COPPICE_INVALID', () => db.get('k', { at: 0 }), /at must be a revision/);
  using snapshot = db.snapshot();
  await refuses(t, 'COPPICE_INVALID', () => db.get('k', { at: 5, snapshot }), /one of them/);
  await refuses(t, 'COPPICE_INVALID', () => snapshot.get('k', { at: 5 }), /one of them/);
  t.is(await db.get('k', { at: 5 }), 'third');
  t.is(await db.get('k', { at: 4 }), undefined);
  t.deepEqual(db.stats().history?.trimRevision, 4);
});

test('a database without history says so, and one with it is not opened without', async (t) => {
  const folder = join(await temporaryFolder(t), 'db');
  const plain = await temporaryDatabase(t);
  await plain.put('k', 'v');
  await refuses(t, 'COPPICE_UNSUPPORTED', () => plain.get('k', { at: 2 }), /history: true/);
  await refuses(t, 'COPPICE_UNSUPPORTED', () => plain.history('k').toArray(), /history: true/);
  await refuses(t, 'COPPICE_UNSUPPORTED', () => plain.trim(2), /no history/);
  await refuses(t, 'COPPICE_INVALID', () => open(plain.path, { history: true }), /history/);
  t.is(plain.stats().history, undefined);
  t.deepEqual(await plain.getEntry('k'), { key: 'k', value: 'v', revision: 2 });

  const db = await open(folder, { history: true, retain: { revisions: 5 } });
  await refuses(t, 'COPPICE_INVALID', () => open(folder, { history: false }), /history differs/);
  await refuses(t, 'COPPICE_INVALID', () => open(folder, { retain: { revisions: 6 } }), /retain.revisions differs/);
  await (await open(folder, { retain: { revisions: 5 } })).close();
  await db.close();
  await refuses(t, 'COPPICE_INVALID', () => open(folder, { history: false }), /history is true in this database/);
  await refuses(t, 'COPPICE_INVALID', () => open(folder, { history: false, retain: { ms: 5 } }), /retain/);
  await refuses(
    t,
    'COPPICE_INVALID',
    () => open(folder, { retain: { days: 5 } as never }),
    /unknown option "days" of retain/,
  );
  await (await open(folder)).close();
});

test('the history of a key is a range of its versions, newest first', async (t) => {
  const db = await priced(t);
  const all = (await db.history('k').toArray()).map(told);
  t.deepEqual(all, ['5 v1 of 5 third', '4 del', '3 v2 of 2 second', '2 v1 of 2 first']);
  t.deepEqual(db.history('k', { from: 3, to: 4 }).toArraySync().map(told), all.slice(1, 3));
  t.deepEqual((await db.history('k', { limit: 1 }).toArray()).map(told), all.slice(0, 1));
  t.deepEqual(await db.history('absent').toArray(), []);
  t.is((await db.history('k').first())?.type, 'put');
  const range = db.history('k');
  t.throws(() => range.seek('k'), { code: 'COPPICE_INVALID' });
  t.is(range.cursor, undefined);
  await range.close();
  const users = db.sublevel('users', { valueEncoding: 'json' });
  await users.put('ada', { born: 1815 });
  using before = db.snapshot();
  await users.put('ada', { born: 1816 });
  const [newest, oldest] = await users.history('ada').toArray();
  t.deepEqual(
    [newest, oldest],
    [
      { type: 'put', key: 'ada', value: { born: 1816 }, revision: 8, createRevision: 7, version: 2 },
      { type: 'put', key: 'ada', value: { born: 1815 }, revision: 7, createRevision: 7, version: 1 },
    ],
  );
  t.is((await before.history('!users!ada').toArray()).length, 1, 'a snapshot ends at its revision');
  await refuses(t, 'COPPICE_FUTURE_REVISION', () => db.history('k', { to: 99 }).toArray());
});

function told(version: Version<string, string>): string {
  if (version.type === 'del') return `${version.revision} del`;
  return `${version.revision} v${version.version} of ${version.createRevision} ${version.value}`;
}

test('a history of many and of large versions comes in chunks', async (t) => {
  const db = await temporaryDatabase(t, { history: true });
  for (let i = 0; i < 3_000; i++) db.put('k', `${i}`);
  await db.put('k', 'x'.repeat(300_000));
  await db.flush();
  await db.put('k', 'y'.repeat(1_500_000));
  const values: string[] = [];
  for await (const version of db.history('k')) if (version.type === 'put') values.push(version.value);
  t.is(values.length, 3_002);
  t.deepEqual([values[0]?.length, values[1]?.length, values[2], values.at(-1)], [1_500_000, 300_000, '2999', '0']);
});

test('what is open sees what it saw, whatever is trimmed', async (t) => {
  const db = await temporaryDatabase(t, { history: true });
  await fill(db, ['a', 'b', 'c']);
  using snapshot = db.snapshot();
  const range = db.entries({ at: 2, batchSize: 1 });
  const rows = range[Symbol.asyncIterator]();
  await rows.next();
  for (let i = 0; i < 50; i++) await db.batch(['a', 'b', 'c'].map((key) => ({ type: 'put', key, value: `${i}` })));
  await db.flush();
  await db.trim(db.revision);
  await db.compact();
  t.deepEqual((await rows.next()).value, ['b', 'B']);
  t.deepEqual((await rows.next()).value, ['c', 'C']);
  t.deepEqual(await snapshot.getMany(['a', 'b']), ['A', 'B']);
  await refuses(t, 'COPPICE_COMPACTED', () => db.get('a', { at: 2 }));
  snapshot.close();
  await rows.next();
  await db.compact();
  t.is(db.stats().history?.versions, 3);
});
