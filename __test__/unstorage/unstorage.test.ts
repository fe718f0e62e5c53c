import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { createStorage, type Driver, prefixStorage, restoreSnapshot, snapshot } from 'unstorage';
import memoryDriver from 'unstorage/drivers/memory';
import { type Database, memoryStore, open } from '../../ts/index.js';
import coppiceDriver, { type CoppiceDriverOptions } from '../../ts/unstorage/index.js';
import { temporaryDatabase, temporaryFolder } from '../support/database.js';
import { refuses } from '../support/errors.js';
import { HostileStore } from '../support/hostile.js';
import { holds } from '../support/until.js';

async function overDatabase(t: ExecutionContext, options: { ttl?: number } = {}) {
  const db = await temporaryDatabase(t);
  const driver = coppiceDriver({ db, ...options });
  return { db, driver, storage: createStorage({ driver }) };
}

test('a folder is opened by the first call and closed by dispose; a database that was given stays open', async (t) => {
  const path = join(await temporaryFolder(t), 'storage');
  await coppiceDriver({ path }).dispose?.();
  await refuses(t, 'COPPICE_NOT_FOUND', () => open(path, { createIfMissing: false }));
  const driver = coppiceDriver({ path, memoryBytes: 16 << 20 });
  const storage = createStorage({ driver });
  const writing = Promise.all([storage.setItem('a', 1), storage.setItem('a', 2)]);
  const disposing = storage.dispose();
  await writing;
  await disposing;
  await refuses(t, 'COPPICE_CLOSED', () => storage.getItem('a'), /coppiceDriver is closed/);
  const db = await open(path);
  const given = coppiceDriver({ db });
  t.is(await given.getItem('a'), '2');
  t.true((await given.getInstance?.()) === db);
  await given.dispose?.();
  await refuses(t, 'COPPICE_CLOSED', () => given.setItem?.('a', '3', {}));
  t.is(await db.get('a'), '2');
  await db.close();
});

test('wrong options and values are refused with a code', async (t) => {
  const { db, driver, storage } = await overDatabase(t);
  const wrong: unknown[] = [undefined, 'path', {}, { path: '' }, { path: 'x', base: 'y' }, { path: 'x', ttl: -1 }];
  wrong.push({ db: 7 }, { db, memoryBytes: 1 << 24 }, { db, ttl: '5m' }, { path: 'x', valueEncoding: 'json' });
  for (const options of wrong) {
    t.throws(() => coppiceDriver(options as CoppiceDriverOptions), { code: 'COPPICE_INVALID' });
  }
  await refuses(t, 'COPPICE_INVALID', () => storage.setItem('a', 'b', { ttl: 'soon' }), /number of seconds/);
  await refuses(t, 'COPPICE_INVALID', () => storage.setItemRaw('a', { not: 'bytes' }), /text or bytes/);
  await refuses(t, 'COPPICE_INVALID', () => driver.setItem?.('a', '\ud800', {}));
  const items = [
    { key: 'a', value: 'b' },
    { key: 'c', value: '\ud800' },
  ];
  await refuses(t, 'COPPICE_INVALID', () => storage.setItems(items));
  t.is(await storage.getItem('a'), null);
});

test('keys of any text, and items of any bytes', async (t) => {
  const { storage, driver } = await overDatabase(t);
  const keys = ['\0', 'a\0b', '🦔', "'", 'a;b', 'a b', '!x!', 'k'.repeat(5_000), 'deep:'.repeat(40)];
  await storage.setItems(keys.map((key) => ({ key, value: `of ${key}` })));
  for (const key of keys) t.is(await storage.getItem(key), `of ${key}`);
  t.is((await storage.getKeys()).length, keys.length);
  // Storages never ask for it, but others may.
  await driver.setItem?.('', 'empty', {});
  t.is(await driver.getItem(''), 'empty');
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  const { buffer } = new Uint8Array(bytes);
  for (const raw of [bytes, new Uint8Array(bytes), buffer, new DataView(buffer)]) {
    await storage.setItemRaw('raw', raw);
    t.deepEqual(await storage.getItemRaw('raw'), bytes);
  }
  await storage.setItemRaw('text', 'é');
  t.is(await storage.getItem('text'), 'é');
  t.deepEqual(await storage.getItemRaw('text'), Buffer.from('é'));
  t.is(await storage.getItemRaw('absent'), null);
});

test('an item expires after its own ttl, or that of the driver, in seconds', async (t) => {
  const { db, storage } = await overDatabase(t, { ttl: 3_600 });
  const before = Date.now();
  await storage.setItem('usual', 1);
  await storage.setItem('never', 1, { ttl: 0 });
  await storage.setItem('soon', 1, { ttl: 0.2 });
  await storage.setItemRaw('raw', 'x', { ttl: 60 });
  await storage.setItems(
    [
      { key: 'own', value: 1, options: { ttl: 60 } },
      { key: 'common', value: 1 },
    ],
    { ttl: 120 },
  );
  const expiresAt = async (key: string) => (await db.getEntry(key))?.expiresAt?.getTime() ?? 0;
  for (const [key, seconds] of Object.entries({ usual: 3_600, raw: 60, own: 60, common: 120 })) {
    const left = (await expiresAt(key)) - before;
    t.true(left >= seconds * 1_000 && left < seconds * 1_000 + 30_000, `${key}: ${left}`);
  }
  t.is(await expiresAt('never'), 0);
  await holds(async () => !(await storage.hasItem('soon')));
  t.false((await storage.getKeys()).includes('soon'));
});

test('meta: what the database knows of an item, and what is told of it', async (t) => {
  const { storage } = await overDatabase(t);
  await storage.setItem('a', 'é', { ttl: 60 });
  await storage.setMeta('a', { mtime: new Date(5), owner: 'ada' });
  const { expiresAt, ttl, ...meta } = await storage.getMeta('a');
  t.deepEqual({ ...meta }, { size: 2, revision: 2, mtime: new Date(5), owner: 'ada' });
  t.true(expiresAt instanceof Date && Number(ttl) <= 60 && Number(ttl) > 0);
  t.deepEqual(await storage.getKeys(), ['a']);
  await storage.removeItem('a', { removeMeta: true });
  t.deepEqual({ ...(await storage.getMeta('a')) }, {});
});

test('keys below a base, to a depth, however much lies deeper', async (t) => {
  const { db, driver, storage } = await overDatabase(t);
  const deep = Array.from({ length: 5_000 }, (_, i) => ({ key: `log:2026:${i}:entry`, value: i }));
  await storage.setItems([...deep, ...['log', 'log:x', 'logs:y', 'm:n:o', 'z'].map((key) => ({ key, value: 1 }))]);
  t.deepEqual(await storage.getKeys('', { maxDepth: 0 }), ['log', 'z']);
  t.deepEqual(await storage.getKeys('', { maxDepth: 1 }), ['log', 'log:x', 'logs:y', 'z']);
  t.deepEqual(await storage.getKeys('m', { maxDepth: 2 }), ['m:n:o']);
  t.deepEqual(await driver.getKeys('log:', { maxDepth: 1 }), ['log:x']);
  t.is((await storage.getKeys('log')).length, 5_001);
  // unstorage itself never asks for a part of a driver.
  await driver.clear?.('log:', {});
  t.deepEqual(await storage.getKeys(), ['log', 'logs:y', 'm:n:o', 'z']);
  t.is(await db.count(), 4);
});

test('items that are set at once, and items that are larger than a commit', async (t) => {
  const { db, storage } = await overDatabase(t);
  const rounds = Array.from({ length: 20 }, (_, round) =>
    storage.setItems(['a', 'b', 'c'].map((key) => ({ key, value: `round ${round}` }))),
  );
  await Promise.all(rounds);
  // Each call is one commit, so that none is seen in part; the last call counts.
  for (const key of ['a', 'b', 'c']) t.is(await storage.getItem(key), 'round 19');
  t.is(db.revision, 21);
  const large = 'x'.repeat(3 << 20);
  await storage.setItem('large', large);
  t.is(await storage.getItem('large'), large);
  const many = Array.from({ length: 40 }, (_, i) => ({ key: `many:${i}`, value: 'y'.repeat(1 << 20) }));
  await storage.setItems(many);
  t.is((await storage.getKeys('many')).length, 40);
});

test('those who watch are told of every change, whoever has made it', async (t) => {
  const { db, storage } = await overDatabase(t);
  await storage.setItem('before', 1);
  const told: string[] = [];
  const unwatch = await storage.watch((event, key) => told.push(`${event} ${key}`));
  // By the driver what was written is told before its promise resolves.
  const hears = async (...lines: string[]) => {
    t.deepEqual(told.splice(0).sort(), lines.sort());
  };
  await storage.setItem('a', 1);
  await hears('update a');
  await storage.setItems([
    { key: 'b', value: 2 },
    { key: 'c:d', value: 3 },
  ]);
  await hears('update b', 'update c:d');
  await storage.removeItem('b');
  await hears('remove b');
  await db.put('directly', '1');
  await holds(() => told.length > 0);
  await hears('update directly');
  await storage.clear();
  await hears('remove a', 'remove before', 'remove c:d', 'remove directly');
  await Promise.all(Array.from({ length: 50 }, (_, i) => storage.setItem('counter', i)));
  t.true(told.length > 0 && told.every((line) => line === 'update counter'));
  told.length = 0;
  await unwatch();
  told.length = 0;
  await storage.setItem('unheard', 1);
  const again = await storage.watch((event, key) => told.push(`again ${event} ${key}`));
  await storage.setItem('heard', 1);
  await hears('again update heard');
  await again();
});

test('those who watch a replica are told of what its writer has written', async (t) => {
  const folder = await temporaryFolder(t);
  const store = join(folder, 'store');
  const writer = createStorage({
    driver: coppiceDriver({ path: join(folder, 'writer'), store, durability: 'remote' }),
  });
  await writer.setItem('a', 1);
  const replica = createStorage({
    driver: coppiceDriver({ path: join(folder, 'replica'), store, readOnly: true, pollMs: 20 }),
  });
  const told: string[] = [];
  await replica.watch((event, key) => told.push(`${event} ${key}`));
  t.is(await replica.getItem('a'), 1);
  await writer.setItem('b', 2);
  await writer.removeItem('a');
  await holds(() => told.length >= 2);
  t.deepEqual(told.sort(), ['remove a', 'update b']);
  await refuses(t, 'COPPICE_READONLY', () => replica.setItem('c', 3));
  await replica.dispose();
  await writer.dispose();
});

test('a watch of a replica that begins again goes on with what that is then', async (t) => {
  const [folder, store] = [await temporaryFolder(t), memoryStore()];
  const checkpoint = { keep: 0, keepMs: 0 };
  const writer = await open(join(folder, 'writer'), { store, durability: 'remote', checkpoint });
  await writer.put('a', '1');
  const away = new HostileStore(store);
  const replica = await open(join(folder, 'replica'), { store: away, readOnly: true, pollMs: 10 });
  const told: string[] = [];
  const driver = coppiceDriver({ db: replica });
  await driver.watch?.((event, key) => told.push(`${event} ${key}`));
  away.isAway = true;
  await holds(() => (replica.repository()?.degraded.length ?? 0) > 0);
  for (const n of ['2', '3']) {
    await writer.put(`missed ${n}`, n);
    await writer.checkpoint();
  }
  away.isAway = false;
  await replica.waitFor(writer.revision, 'remote');
  // What it has missed, if it knows, it has told of; what comes now it has to.
  await holds(async () => {
    await writer.put('later', String(Date.now()));
    return told.includes('update later');
  });
  t.false(told.includes('remove a'));
  await driver.dispose?.();
  await replica.close();
  await writer.close();
});

test('a watch ends with its driver, and with its database', async (t) => {
  const { db, driver } = await overDatabase(t);
  const told: string[] = [];
  await driver.watch?.((_, key) => told.push(key));
  const other = coppiceDriver({ db });
  await other.watch?.((_, key) => told.push(`other ${key}`));
  await driver.dispose?.();
  await db.put('a', '1');
  await holds(() => told.length > 0);
  t.deepEqual(told, ['other a']);
  const late = db.put('b', '1');
  await db.close();
  await late;
  await other.dispose?.();
});

test('mounts, prefixes and snapshots: a cache with parts in memory and parts that last', async (t) => {
  const { db } = await overDatabase(t);
  const lasting: Driver = coppiceDriver({ db: db.sublevel('cache') });
  const storage = createStorage({ driver: memoryDriver() });
  storage.mount('cache', lasting);
  storage.mount('cache:users', coppiceDriver({ db: (db as Database<string, string>).sublevel('users') }));
  await storage.setItem('elsewhere', 1);
  const users = prefixStorage<{ born: number }>(storage, 'cache:users');
  await users.setItem('ada', { born: 1815 });
  await users.setItem('grace', { born: 1906 });
  const pages = prefixStorage(storage, 'cache:pages');
  await pages.setItem('index.html', '<p>');
  t.deepEqual(await users.getKeys(), ['ada', 'grace']);
  t.deepEqual(await db.keys().toArray(), ['!cache!pages:index.html', '!users!ada', '!users!grace']);
  const taken = await snapshot(storage, 'cache');
  t.deepEqual(taken, {
    'users:ada': { born: 1815 },
    'users:grace': { born: 1906 },
    'pages:index.html': '<p>',
  } as never);
  await storage.clear('cache');
  t.deepEqual(await storage.getKeys(), ['elsewhere']);
  await restoreSnapshot(storage, taken, 'cache');
  t.deepEqual(await users.getItem('grace'), { born: 1906 });
  await storage.unmount('cache:users');
  t.deepEqual(await storage.getKeys('cache'), ['cache:pages:index.html']);
  await storage.dispose();
  t.is(db.status, 'open');
});
