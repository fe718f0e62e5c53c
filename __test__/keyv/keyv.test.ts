import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import test from 'ava';
import Keyv, { keyvStorageCapability } from 'keyv';
import Keyv5, { type KeyvStoreAdapter } from 'keyv-5';
import { CoppiceError, open } from '../../ts/index.js';
import { KeyvCoppice, KeyvCoppice5 } from '../../ts/keyv/index.js';
import { temporaryDatabase, temporaryFolder } from '../support/database.js';
import { refuses } from '../support/errors.js';
import { holds, until } from '../support/until.js';

const ODD = ['', ':', 'a:b', '\0', 'a\0b', '🦔', "'", '../..', 'é', '!a!', 'x'.repeat(10_000)];

test('a folder is opened by the first call and closed by disconnect; a database that was given stays open', async (t) => {
  const path = join(await temporaryFolder(t), 'cache');
  const unused = new KeyvCoppice(path);
  await unused.disconnect();
  await refuses(t, 'COPPICE_NOT_FOUND', () => open(path, { createIfMissing: false }));
  const store = new KeyvCoppice({ path, history: true });
  const writes = ['1', '2', '3'].map((value) => store.set('key', value));
  const closing = store.disconnect();
  t.deepEqual(await Promise.all(writes), [true, true, true]);
  await closing;
  await store.disconnect();
  await refuses(t, 'COPPICE_CLOSED', () => store.get('key'), /KeyvCoppice is closed/);
  await refuses(t, 'COPPICE_CLOSED', () => store.iterator().next());

  const db = await open(path);
  t.true(db.stats().history !== undefined);
  const given = new KeyvCoppice({ db });
  t.is(await given.get('key'), '3');
  await given.disconnect();
  await refuses(t, 'COPPICE_CLOSED', () => given.get('key'));
  t.is(db.status, 'open');
  await db.close();
});

test('one that cannot be opened says why to each call, and opens when it can', async (t) => {
  const path = join(await temporaryFolder(t), 'cache');
  const store = new KeyvCoppice({ path, createIfMissing: false });
  await refuses(t, 'COPPICE_NOT_FOUND', () => store.get('key'));
  await refuses(t, 'COPPICE_NOT_FOUND', () => store.set('key', 'value'));
  await (await open(path)).close();
  t.true(await store.set('key', 'value'));
  await store.disconnect();
});

test('a relative folder is that of the process when the store is made', async (t) => {
  const [folder, before] = [await temporaryFolder(t), process.cwd()];
  process.chdir(folder);
  const store = new KeyvCoppice('cache');
  process.chdir(before);
  await store.set('key', 'value');
  await store.disconnect();
  t.true(existsSync(join(folder, 'cache')));
});

test('what fails in the background ends no process in which nobody listens', async (t) => {
  const path = join(await temporaryFolder(t), 'cache');
  const store = new KeyvCoppice({ path, memtableBytes: 1 << 20 });
  await store.set('key', 'value');
  await rm(path, { recursive: true });
  const fails = async () => {
    for (;;) await store.set('key', 'x'.repeat(10_000));
  };
  await refuses(t, 'COPPICE_POISONED', fails);
  // The database tells it by itself meanwhile.
  await setTimeout(100);
  await refuses(t, 'COPPICE_POISONED', () => store.disconnect());
});

test('wrong options and arguments are refused with a code, at once', async (t) => {
  const db = await temporaryDatabase(t);
  const wrong: unknown[] = [undefined, null, '', 7, {}, { path: '' }, { db: {} }, { db, durability: 'disk' }];
  wrong.push({ path: 'x', url: 'y' }, { path: 'x', memoryBytes: -1 }, { path: 'x', keyEncoding: 'utf8' });
  for (const options of wrong) {
    for (const Store of [KeyvCoppice, KeyvCoppice5]) {
      t.throws(() => new Store(options as string), { code: 'COPPICE_INVALID' });
    }
  }
  const store = new KeyvCoppice({ db });
  await refuses(t, 'COPPICE_INVALID', () => store.get(7 as never), /key must be a string/);
  await refuses(t, 'COPPICE_INVALID', () => store.set('\ud800', 'lone'));
  await refuses(t, 'COPPICE_INVALID', () => store.set('a', 'b', Number.NaN));
  await refuses(t, 'COPPICE_INVALID', () => new KeyvCoppice5({ db }).set('a', 'b', -1));
  await refuses(t, 'COPPICE_ENCODING', () => store.set('function', () => {}));
  const good = { key: 'good', value: '1' };
  await refuses(t, 'COPPICE_INVALID', () => store.setMany([good, { key: '\ud800', value: '2' }]));
  t.is(await store.get('good'), undefined);
  t.true(await store.set('never', '1', 0));
  t.is(await store.get('never'), '1');
  // It would have expired in 1970.
  await refuses(t, 'COPPICE_INVALID', () => store.set('a', 'b', 60_000), /KeyvCoppice5/);
});

test('Keyv 6 takes the store as its own kind, and hears what fails in the background', async (t) => {
  const path = join(await temporaryFolder(t), 'cache');
  const store = new KeyvCoppice(path);
  t.deepEqual(store.capabilities, keyvStorageCapability(store) as never);
  const keyv = new Keyv({ store });
  t.is(keyv.store as unknown, store);
  const errors: unknown[] = [];
  keyv.on('error', (error) => errors.push(error));
  const failure = new CoppiceError('IO', 'from the database');
  store.emit('error', failure);
  t.deepEqual(errors, [failure]);
  await keyv.disconnect();
  t.false(await keyv.set('key', 'value'));
  t.like(errors[1], { code: 'COPPICE_CLOSED' });
});

test('keys and namespaces of any text are apart, and a namespace is cleared as one range', async (t) => {
  const db = await temporaryDatabase(t);
  const stores = [undefined, ...ODD.slice(1)].map((namespace) => Object.assign(new KeyvCoppice({ db }), { namespace }));
  for (const store of stores) await store.setMany(ODD.map((key) => ({ key, value: `${store.namespace} ${key}` })));
  const [first, ...others] = stores;
  for (const store of stores) {
    t.deepEqual(
      await store.getMany(ODD),
      ODD.map((key) => `${store.namespace} ${key}`),
    );
  }
  await first?.clear();
  t.deepEqual(new Set(await first?.hasMany(ODD)), new Set([false]));
  for (const store of others) {
    const keys: string[] = [];
    for await (const [key] of store.iterator()) keys.push(key);
    t.deepEqual(keys.sort(), [...ODD].sort());
  }
});

test('each Keyv has its namespace to itself over a store of its own', async (t) => {
  const db = await temporaryDatabase(t);
  const [a, b] = ['a', 'b'].map((namespace) => new Keyv({ store: new KeyvCoppice({ db }), namespace })) as [Keyv, Keyv];
  await a.set('key', 'of a');
  await b.set('key', 'of b');
  await b.clear();
  t.deepEqual([await a.get('key'), await b.get('key')], ['of a', undefined]);
});

test('a deadline outlasts a restart, and is that of the database', async (t) => {
  const path = join(await temporaryFolder(t), 'cache');
  const [soon, late] = [Date.now() + 100, Date.now() + 3_600_000];
  const before = new KeyvCoppice(path);
  await before.set('soon', '1', soon);
  await before.set('late', '2', late);
  await before.disconnect();
  const after = new KeyvCoppice(path);
  await until(soon);
  t.deepEqual(await after.getMany(['soon', 'late']), [undefined, '2']);
  await after.disconnect();
  const db = await open(path, { keyEncoding: 'tuple' });
  t.deepEqual((await db.getEntry([null, 'late']))?.expiresAt, new Date(late));
  await db.close();
});

test('of those who delete a key one is told that it was there', async (t) => {
  const db = await temporaryDatabase(t);
  const store = new KeyvCoppice({ db });
  for (let round = 0; round < 20; round++) {
    await store.set('token', '1');
    const told = await Promise.all([
      store.delete('token'),
      store.deleteMany(['token', 'other']),
      store.delete('token'),
    ]);
    t.is(told.flat().filter((there) => there).length, 1);
  }
});

test('an iterator goes on with what there was when it began', async (t) => {
  const db = await temporaryDatabase(t);
  const store = new KeyvCoppice({ db });
  const keys = Array.from({ length: 3_000 }, (_, i) => `key${String(i).padStart(4, '0')}`);
  await store.setMany(keys.map((key) => ({ key, value: 'old' })));
  const seen: string[] = [];
  for await (const [key, value] of store.iterator<string>()) {
    if (seen.length === 0) {
      await store.clear();
      await store.set('key1500', 'new');
    }
    t.is(value, 'old');
    seen.push(key);
  }
  t.deepEqual(seen, keys);
  t.is(await store.get('key1500'), 'new');
});

test('large values, and more of them at once than one commit takes', async (t) => {
  const db = await temporaryDatabase(t);
  const store = new KeyvCoppice({ db });
  const large = 'x'.repeat(5 << 20);
  await store.set('large', large);
  t.is(await store.get('large'), large);
  const value = 'y'.repeat(1 << 19);
  const entries = Array.from({ length: 80 }, (_, i) => ({ key: `many${i}`, value }));
  const { revision } = db;
  t.deepEqual(new Set(await store.setMany(entries)), new Set([true]));
  // Of half a megabyte each: a batch is written when it holds 8 MiB.
  t.is(db.revision - revision, 80 / 16);
  t.deepEqual(new Set(await store.getMany(entries.map(({ key }) => key))), new Set([value]));
});

test('without serialization values are kept as they are', async (t) => {
  const db = await temporaryDatabase(t);
  const keyv = new Keyv({ store: new KeyvCoppice({ db }), serialization: false });
  const value = { when: new Date(5), set: new Set([1n]), bytes: Buffer.from([0, 255]), lone: '\ud800' };
  await keyv.set('key', value, 60_000);
  t.deepEqual(await keyv.get('key'), value);
  const store = new KeyvCoppice({ db });
  for (const text of ['', 'text', '\ud800', '\uffff']) {
    await store.set('text', text);
    t.is(await store.get('text'), text);
  }
});

test('functions that remember, and ask once while somebody asks', async (t) => {
  const db = await temporaryDatabase(t);
  const cache = new Keyv<{ body: string }>({
    store: new KeyvCoppice({ db: db.sublevel('http') }),
    namespace: 'responses',
  });
  let asked = 0;
  const fetched = async (url: string, maxAge: number) => {
    const known = await cache.get(url);
    if (known !== undefined) return known.body;
    asked += 1;
    const body = `page ${asked} of ${url}`;
    await cache.set(url, { body }, maxAge);
    return body;
  };
  const url = 'GET:https://example.org/a?b=c';
  t.is(await fetched(url, 60_000), `page 1 of ${url}`);
  t.is(await fetched(url, 60_000), `page 1 of ${url}`);
  await cache.set(url, { body: 'stale' }, 1);
  await holds(async () => !(await cache.has(url)));
  t.is(await fetched(url, 60_000), `page 2 of ${url}`);
  t.is(asked, 2);
  t.is(await db.sublevel('http').count(), 1);
});

test('Keyv 5: one store for several namespaces, and a default ttl', async (t) => {
  const db = await temporaryDatabase(t);
  const store: KeyvStoreAdapter = new KeyvCoppice5({ db });
  const [a, b] = ['a', 'b'].map((namespace) => new Keyv5({ store, namespace, ttl: 60_000 })) as [Keyv5, Keyv5];
  await a.set('key', 'of a');
  await b.set('key', 'of b');
  await b.setMany([
    { key: 'x', value: 1 },
    { key: 'y', value: 2 },
  ]);
  t.is(await a.get('key'), 'of a');
  t.true(await b.delete(['x', 'absent']));
  a.namespace = 'a';
  await a.clear();
  t.is(await a.get('key'), undefined);
  t.is(await b.get('key'), 'of b');
  const listed: unknown[] = [];
  b.namespace = 'b';
  for await (const row of b.iterator?.(undefined) ?? []) listed.push(row);
  t.deepEqual(listed, [
    ['key', 'of b'],
    ['y', 2],
  ]);
});

test('the store for Keyv 5 under Keyv 6 keeps namespaces apart as well', async (t) => {
  const db = await temporaryDatabase(t);
  const [a, b] = ['a', 'b'].map((namespace) => new Keyv({ store: new KeyvCoppice5({ db }), namespace })) as [
    Keyv,
    Keyv,
  ];
  await a.set('key', 'of a', 60_000);
  await b.set('key', 'of b');
  await a.clear();
  t.deepEqual([await a.get('key'), await b.get('key')], [undefined, 'of b']);
});
