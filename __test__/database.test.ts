import { join } from 'node:path';
import test from 'ava';
import { open } from '../ts/index.js';
import { fill, temporaryDatabase, temporaryFolder } from './support/database.js';
import { refuses } from './support/errors.js';

test('what was written is there after close and open, with its revision', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  const first = await open(path);
  await fill(first, ['a', 'b']);
  await first.del('a');
  const expiresAt = new Date(Date.now() + 3_600_000);
  const { revision } = await first.put('c', '1', { expiresAt });
  await first.close();
  const again = await open(path, { createIfMissing: false });
  t.is(again.revision, revision);
  t.deepEqual(await again.records().toArray(), [
    { key: 'b', value: 'B', revision: 2 },
    { key: 'c', value: '1', revision, expiresAt },
  ]);
  await again.close();
});

test('every built-in encoding gives back what it took, from disk too', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  const cases = [
    ['utf8', 'json', 'é', { a: [1, null] }],
    ['buffer', 'view', Buffer.from([0, 255]), new Uint8Array([1, 0, 2])],
    ['tuple', 'buffer', ['a', 1, null, [true]], Buffer.from([0, 1, 255])],
    ['u64', 'tuple', 2n ** 64n - 1n, ['x', 2.5]],
    ['tuple', 'u64', [], 7n],
  ] as const;
  for (const [keyEncoding, valueEncoding, key, value] of cases) {
    for (const reopened of [false, true]) {
      const db = await open<unknown, unknown>(path, { keyEncoding, valueEncoding, durability: 'process' });
      if (!reopened) await db.put(key, value);
      t.deepEqual(await db.get(key), value);
      t.deepEqual((await db.getEntry(key))?.key, key);
      t.deepEqual(await db.entries().toArray(), [[key, value]]);
      if (reopened) await db.del(key);
      await db.close();
    }
  }
});

test('tuples sort and are found by a prefix of their items', async (t) => {
  const db = await temporaryDatabase(t, { keyEncoding: 'tuple' });
  const keys = [['a'], ['a', -1], ['a', 2], ['a', 10], ['a', 10, 'x'], ['a', 'b'], ['ab'], ['b', 1]].toReversed();
  for (const key of keys) await db.put(key, '');
  t.deepEqual(await db.keys({ prefix: ['a'] }).toArray(), [
    ['a'],
    ['a', 'b'],
    ['a', -1],
    ['a', 2],
    ['a', 10],
    ['a', 10, 'x'],
  ]);
  t.deepEqual(await db.keys({ prefix: ['a', 10] }).toArray(), [
    ['a', 10],
    ['a', 10, 'x'],
  ]);
  t.deepEqual(await db.keys({ gte: ['a', 0], lt: ['a', 10] }).toArray(), [['a', 2]]);
});

test('close may be called again, and every other call is refused afterwards', async (t) => {
  const db = await temporaryDatabase(t);
  await fill(db, ['a', 'b', 'c']);
  const sublevel = db.sublevel('s');
  const batch = db.batch().put('b', '1');
  const snapshot = db.snapshot();
  const range = db.keys();
  const started = db.keys({ batchSize: 1 })[Symbol.iterator]();
  started.next();
  t.is(db.status, 'open');
  const closing = db.close();
  t.is(db.status, 'closing');
  const calls: (() => unknown)[] = [
    () => db.get('a'),
    () => db.getSync('a'),
    () => db.getMany(['a']),
    () => db.getEntry('a'),
    () => db.has('a'),
    () => db.count(),
    () => range.toArray(),
    () => db.keys().first(),
    () => db.put('a', '2'),
    () => db.put('a', '2', {}),
    () => db.del('a'),
    () => db.batch([{ type: 'del', key: 'a' }]),
    () => db.batch(),
    () => batch.write(),
    () => batch.put('c', '1'),
    () => db.snapshot(),
    () => snapshot.get('a'),
    () => sublevel.get('a'),
    () => sublevel.put('a', '1'),
    () => db.sublevel('other'),
    () => db.touch('a', null),
    () => db.waitFor(1, 'disk'),
    () => db.flush(),
    () => db.compact(),
    () => db.verify(),
    () => db.checkpoint({ to: 'x' }),
    () => db.stats(),
    () => db.metrics(),
    () => db.pressure(),
    () => db.revision,
  ];
  for (const call of calls) await refuses(t, 'COPPICE_CLOSED', call);
  t.is(db.close(), closing);
  await closing;
  t.is(db.status, 'closed');
  for (const call of calls) await refuses(t, 'COPPICE_CLOSED', call);
  await refuses(t, 'COPPICE_CLOSED', () => started.next());
  await db.close();
  snapshot.close();
  batch.close();
});

test('close waits for the writes that were called before it', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  const db = await open(path, { durability: 'disk' });
  const writes = Promise.all(Array.from({ length: 100 }, (_, i) => db.put(`k${i}`, '1')));
  await db.close();
  t.is((await writes).length, 100);
  await using again = await open(path);
  t.is(await again.count(), 100);
});

test('close waits for writes that read first: a delRange that counts, a touch of a large value', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  const first = await open(path);
  const large = 'x'.repeat(3 << 20);
  await first.put('large', large);
  await first.batch(Array.from({ length: 5_000 }, (_, i) => ({ type: 'put', key: `key ${i}`, value: 'value' })));
  const writes = [first.touch('large', '1h'), first.delRange({ prefix: 'key ' }, { count: true })] as const;
  await first.close();
  const [touched, deleted] = await Promise.all(writes);
  t.is(deleted.deleted, 5_000);
  const again = await open(path);
  const found = await again.getEntry('large');
  t.true(found?.value === large && found.revision === touched.revision && found.expiresAt !== undefined);
  t.is(await again.count(), 1);
  await again.close();
});

test('a database closes at the end of its scope', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  {
    await using db = await open(path);
    await db.put('a', '1');
  }
  await using db = await open(path);
  t.is(await db.get('a'), '1');
});

test('waitFor resolves once a revision is as durable as asked, and refuses one that does not exist', async (t) => {
  const db = await temporaryDatabase(t);
  const { revision } = await db.put('a', '1');
  await db.waitFor(revision, 'disk');
  await db.waitFor(BigInt(revision), 'process');
  t.true(db.stats().durableRevision >= revision);
  const error = await refuses(t, 'COPPICE_FUTURE_REVISION', () => db.waitFor(revision + 1, 'disk'), /the newest is 2/);
  t.is(error.details?.revision, revision + 1);
  for (const bad of [0, -1, 1.5, '2', null, undefined, Number.NaN] as never[]) {
    await refuses(t, 'COPPICE_INVALID', () => db.waitFor(bad, 'disk'), /^revision must be/);
  }
  await refuses(t, 'COPPICE_UNSUPPORTED', () => db.waitFor(revision, 'remote' as never));
});

test('write tells of every commit with its operations', async (t) => {
  const db = await temporaryDatabase(t);
  const heard: unknown[] = [];
  const listener = (event: unknown) => heard.push(event);
  t.is(db.on('write', listener), db);
  await db.put('a', '1');
  await db.batch([
    { type: 'put', key: 'b', value: '1' },
    { type: 'del', key: 'a' },
  ]);
  await db.batch().del('x').write();
  db.off('write', listener);
  await db.put('c', '1');
  t.deepEqual(heard, [
    { revision: 2, ops: 1 },
    { revision: 3, ops: 2 },
    { revision: 4, ops: 1 },
  ]);
});

test('flush and compaction tell what they wrote', async (t) => {
  const db = await temporaryDatabase(t);
  const flushed = new Promise<{ bytes: number; ms: number }>((resolve) => db.on('flush', resolve));
  await fill(
    db,
    Array.from({ length: 1_000 }, (_, i) => `k${i}`),
  );
  await db.flush();
  const { bytes, ms } = await flushed;
  t.true(bytes > 0);
  t.true(ms >= 0);
});

test('work in the background tells when it begins and ends', async (t) => {
  const db = await temporaryDatabase(t, { durability: 'disk' });
  const told: Record<string, number> = {};
  db.on('background', ({ work, phase }) => {
    told[`${phase} ${work}`] = (told[`${phase} ${work}`] ?? 0) + 1;
  });
  // More than fits into the first segment of the log.
  for (let n = 0; n < 30; n++) await db.put(`k${n}`, 'v'.repeat(100_000));
  await db.flush();
  await db.compact();
  await db.flush();
  t.is(told['begin flush'], told['end flush']);
  t.is(told['begin compaction'], told['end compaction']);
  t.is(told['begin segment'], told['end segment']);
  t.true((told['end flush'] ?? 0) >= 1);
  t.true((told['end compaction'] ?? 0) >= 1);
  t.true((told['end segment'] ?? 0) >= 2);
});

test('an unknown event and a listener that is no function are refused', async (t) => {
  const db = await temporaryDatabase(t);
  await refuses(t, 'COPPICE_INVALID', () => db.on('writes' as never, () => {}), /event must be one of write/);
  await refuses(t, 'COPPICE_INVALID', () => db.on('write', 5 as never), /listener must be a function/);
});

test('reads agree before and after flush and compaction', async (t) => {
  const db = await temporaryDatabase(t);
  const keys = Array.from({ length: 2_000 }, (_, i) => `k${String(i).padStart(4, '0')}`);
  await fill(db, keys);
  await db.flush();
  await db.batch(keys.filter((_, i) => i % 3 === 0).map((key) => ({ type: 'del', key })));
  await db.put('k0001', 'again');
  const wanted = await db.entries().toArray();
  t.is(wanted.length, 1_333);
  await db.flush();
  t.deepEqual(await db.entries().toArray(), wanted);
  await db.compact({ range: { lt: 'k1000' } });
  t.deepEqual(await db.entries().toArray(), wanted);
  await db.compact();
  t.deepEqual(await db.entries().toArray(), wanted);
  t.deepEqual(await db.entries({ reverse: true }).toArray(), wanted.toReversed());
  for (const [key, value] of wanted.slice(0, 100)) t.is(db.getSync(key), value);
  t.is(db.getSync('k0000'), undefined);
});

test('wrong options of upkeep are refused by name', async (t) => {
  const db = await temporaryDatabase(t);
  await refuses(t, 'COPPICE_INVALID', () => db.compact({ rnage: {} } as never), /unknown option "rnage" of compact/);
  await refuses(
    t,
    'COPPICE_INVALID',
    () => db.compact({ range: { limit: 1 } as never }),
    /unknown option "limit" of the range/,
  );
  await refuses(t, 'COPPICE_UNSUPPORTED', () => db.compact({ history: 5 } as never), /later version/);
  await refuses(t, 'COPPICE_INVALID', () => db.verify({ onProgress: 1 as never }), /onProgress must be a function/);
  await refuses(t, 'COPPICE_INVALID', () => db.checkpoint({} as never), /to must be the folder/);
  await refuses(t, 'COPPICE_INVALID', () => db.checkpoint({ to: '' }), /to must be the name of a folder/);
  await refuses(t, 'COPPICE_UNSUPPORTED', () => db.checkpoint({ to: {} as never }), /object store .*: name a folder/);
  await refuses(t, 'COPPICE_INVALID', () => db.checkpoint(undefined as never), /to must be the folder/);
});

test('verify finds nothing wrong in a sound database, and tells how far it is', async (t) => {
  const db = await temporaryDatabase(t);
  await fill(
    db,
    Array.from({ length: 5_000 }, (_, i) => `k${i}`),
  );
  await db.flush();
  let last = 0;
  const report = await db.verify({
    onProgress: ({ done, total, unit, phase }) => {
      t.true(done >= last && done <= total);
      t.is(`${phase} ${unit}`, 'verify bytes');
      last = done;
    },
  });
  t.deepEqual(report.problems, []);
  t.true(report.ok);
  t.true(report.checkedBytes > 0);
  await refuses(t, 'COPPICE_ABORTED', () => db.verify({ signal: AbortSignal.abort() }));
});

test('a checkpoint opens as a database that holds what was there, and nothing later', async (t) => {
  const db = await temporaryDatabase(t);
  await fill(db, ['a', 'b']);
  await db.flush();
  await db.put('c', 'C');
  const to = join(await temporaryFolder(t), 'checkpoint');
  const heard = new Promise((resolve) => db.on('checkpoint', resolve));
  const info = await db.checkpoint({ to });
  t.is(info.revision, 3);
  t.is(info.location, to);
  t.true(info.bytes > 0);
  t.deepEqual(await heard, info);
  await db.put('d', 'D');
  await using copy = await open(to, { createIfMissing: false });
  t.deepEqual(await copy.keys().toArray(), ['a', 'b', 'c']);
  t.is(copy.revision, 3);
  await refuses(t, 'COPPICE_EXISTS', () => db.checkpoint({ to }));
});

test('statistics count what is there, and Prometheus text says the same', async (t) => {
  const db = await temporaryDatabase(t);
  await fill(
    db,
    Array.from({ length: 1_000 }, (_, i) => `k${i}`),
  );
  await db.flush();
  const stats = db.stats();
  t.is(stats.keysEstimate, 1_000);
  t.is(stats.revision, db.revision);
  t.true(stats.diskBytes > 0);
  t.true(stats.cacheHitRatio >= 0 && stats.cacheHitRatio <= 1);
  t.is(
    stats.levels.reduce((files, level) => files + level.files, 0),
    1,
  );
  t.is(stats.queuedWrites, 0);
  const metrics = db.metrics();
  t.true(metrics.includes(`coppice_keys_estimate{db="${db.path}"} 1000\n`));
  const sample = /^coppice_[a-z_]+\{db="[^"]*"(,level="\d")?\} [\d.e+-]+$/;
  for (const line of metrics.trimEnd().split('\n')) t.true(line.startsWith('# ') || sample.test(line), line);
});
