/** A database in a store, through the public API. */

import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import {
  type CoppiceError,
  fsStore,
  memoryStore,
  type ObjectStore,
  type OpenOptions,
  open,
  type Progress,
  restore,
  s3,
} from '../../ts/index.js';
import { coppice } from '../support/command.js';
import { temporaryFolder } from '../support/database.js';
import { refuses } from '../support/errors.js';
import { HostileStore } from '../support/hostile.js';
import { runProgram } from '../support/program.js';
import { newBucket, testWithServer } from '../support/s3.js';

async function place(t: ExecutionContext): Promise<{ store: ObjectStore; folder: string; options: OpenOptions }> {
  const store = memoryStore();
  return { store, folder: join(await temporaryFolder(t), 'db'), options: { store, durability: 'remote' } };
}

const stores: [string, typeof test, (folder: string) => ObjectStore | string | Promise<ObjectStore>][] = [
  ['a folder', test, (folder) => join(folder, 'store')],
  ['memory', test, () => memoryStore()],
  ['a bucket', testWithServer as typeof test, async () => s3(await newBucket())],
];
for (const [where, declare, make] of stores) {
  declare(`what was written is there when the disk is lost, with a store in ${where}`, async (t) => {
    const top = await temporaryFolder(t);
    const folder = join(top, 'db');
    const options: OpenOptions = { store: await make(top), durability: 'remote', history: true };
    const db = await open(folder, options);
    const revisions: number[] = [];
    for (let n = 0; n < 50; n++) revisions.push((await db.put(`key${n}`, `value ${n}`)).revision);
    await db.checkpoint();
    await db.del('key7');
    await db.batch([
      { type: 'put', key: 'key8', value: 'again' },
      { type: 'put', key: 'long', value: 'x'.repeat(100_000) },
    ]);
    t.deepEqual(await db.close(), { unshipped: 0 });
    await rm(folder, { recursive: true });

    const again = await open(folder, options);
    t.is(await again.count(), 50);
    t.is(await again.get('key0'), 'value 0');
    t.is(await again.get('key7'), undefined);
    t.is(await again.get('key8'), 'again');
    t.is((await again.get('long'))?.length, 100_000);
    t.is(await again.get('key8', { at: revisions[8] as number }), 'value 8');
    t.is(again.revision, 53);
    t.true((await again.verify()).ok);
    await again.put('after', 'all');
    await again.close();
  });
}

test('at remote nobody sees a commit that the store does not have', async (t) => {
  const { store, folder } = await place(t);
  const away = new HostileStore(store);
  const db = await open(folder, { store: away, durability: 'remote' });
  await db.put('a', '1');
  away.isAway = true;
  const writing = db.put('a', '2');
  await db.waitFor(3, 'disk');
  t.is(await db.get('a'), '1');
  t.is(db.revision, 2);
  t.is(db.repository()?.unshipped, 1);
  away.isAway = false;
  t.is((await writing).revision, 3);
  t.is(await db.get('a'), '2');
  await db.close();
});

test('a check that meets what the store does not have yet is answered when it has it', async (t) => {
  const { store, folder } = await place(t);
  const away = new HostileStore(store);
  const db = await open(folder, { store: away, durability: 'remote' });
  away.isAway = true;
  const first = db.put('a', '1');
  let answer: unknown;
  const second = db
    .batch()
    .check({ key: 'a', revision: null })
    .put('a', '2')
    .write()
    .then((found) => {
      answer = found;
    });
  await db.waitFor(2, 'disk');
  t.is(answer, undefined);
  away.isAway = false;
  await Promise.all([first, second]);
  t.like(answer, { ok: false, conflicts: [{ key: 'a', revision: 2 }] });
  await db.close();
});

test('at disk commits are seen at once and shipped a little later, and one may wait for the store', async (t) => {
  const { store, folder } = await place(t);
  const away = new HostileStore(store);
  const db = await open(folder, { store: away });
  away.isAway = true;
  await db.put('a', '1');
  t.is(await db.get('a'), '1');
  const remote = db.put('b', '2', { durability: 'remote' });
  away.isAway = false;
  await remote;
  t.is(db.repository()?.unshipped, 0);
  away.isAway = true;
  await db.put('c', '3');
  t.deepEqual(await db.close({ timeoutMs: 20 }), { unshipped: 1 });
  away.isAway = false;
  const again = await open(folder, { store: away });
  t.is(await again.get('c'), '3');
  await again.waitFor(again.revision, 'remote');
  await again.close();
});

test('what a disk holds that the store does not is there when an open has resolved', async (t) => {
  const { store, folder } = await place(t);
  const away = new HostileStore(store);
  const db = await open(folder, { store: away, durability: 'remote' });
  await db.put('a', '1');
  away.isAway = true;
  const waiting = refuses(t, 'COPPICE_UNKNOWN_OUTCOME', () => db.put('a', '2'));
  await db.waitFor(3, 'disk');
  t.deepEqual(await db.close({ timeoutMs: 0 }), { unshipped: 1 });
  await waiting;
  away.isAway = false;
  // The slot takes long: whoever is told that the database is open reads nothing that changes beneath him.
  const slow = memoryStore();
  const isSlot = (key: string) => key.includes('/wal/');
  Object.assign(slow, {
    get: store.get.bind(store),
    put: async (...[key, body, options]: Parameters<ObjectStore['put']>) => {
      if (isSlot(key)) await new Promise((resolve) => setTimeout(resolve, 100));
      return store.put(key, body, options);
    },
  });
  const again = await open(folder, { store: slow, durability: 'remote' });
  t.is(await again.get('a'), '2');
  t.is(again.revision, 3);
  await again.close();
});

test('a checkpoint or backup in a folder is told of when the store has what is in it', async (t) => {
  const { store, folder } = await place(t);
  const away = new HostileStore(store);
  const db = await open(folder, { store: away, durability: 'remote' });
  away.isAway = true;
  const writing = db.put('a', '1');
  const told: string[] = [];
  const checkpoint = db.checkpoint({ to: `${folder}-checkpoint` }).then(() => told.push('checkpoint'));
  const backup = db.backup({ to: `${folder}-backup` }).then(() => told.push('backup'));
  await db.waitFor(2, 'disk');
  for (const copy of ['checkpoint', 'backup']) {
    while (!existsSync(join(`${folder}-${copy}`, 'CURRENT'))) await new Promise((resolve) => setTimeout(resolve, 10));
  }
  t.deepEqual(told, []);
  away.isAway = false;
  await Promise.all([writing, checkpoint, backup]);
  t.is(told.length, 2);
  await db.close();
});

test('a close that cannot reach the store waits for nobody longer than it is told to', async (t) => {
  const { store, folder } = await place(t);
  const away = new HostileStore(store);
  const db = await open(folder, { store: away, durability: 'remote' });
  await Promise.all([db.put('a', '1'), db.put('b', '2')]);
  away.isAway = true;
  const waiting = [db.checkpoint(), db.touch('a', '1h'), db.delRange({ prefix: 'b' }, { count: true })];
  const told = waiting.map((promise) => t.throwsAsync(promise));
  t.deepEqual(await db.close({ timeoutMs: 50 }), { unshipped: 2 });
  const codes = (await Promise.all(told)).map((error) => (error as CoppiceError).code);
  t.deepEqual(codes, ['COPPICE_CLOSED', 'COPPICE_UNKNOWN_OUTCOME', 'COPPICE_UNKNOWN_OUTCOME']);
});

test('so much is on the disk only: then writes are refused until the store has caught up', async (t) => {
  const { store, folder } = await place(t);
  const away = new HostileStore(store);
  const db = await open(folder, { store: away, unshippedBytesMax: 1 << 20 });
  const value = 'x'.repeat(100_000);
  await db.put('before', value, { durability: 'remote' });
  away.isAway = true;
  let written = 0;
  const refused = await t.throwsAsync(
    async () => {
      for (; written < 100; written++) await db.put(`key${written}`, value);
    },
    { code: 'COPPICE_BUSY' },
    'it is written on and on',
  );
  t.regex(refused.message, /unshippedBytesMax is 1048576: nothing was written/);
  t.true(written >= 5, `${written} writes`);
  t.is(db.pressure().ratio, 1);
  t.true((db.repository()?.unshippedBytes ?? 0) >= 1 << 20);
  for (const write of [() => db.del('a'), () => db.batch([{ type: 'del', key: 'a' }]), () => db.put('a', '1')]) {
    await refuses(t, 'COPPICE_BUSY', write);
  }
  t.is(await db.get('key0'), value);
  t.is(await db.get('a'), undefined);
  away.isAway = false;
  await db.waitFor(db.revision, 'remote');
  await db.put('a', '1', { durability: 'remote' });
  t.is(db.repository()?.unshippedBytes, 0);
  t.true(db.pressure().ratio < 1);
  await refuses(
    t,
    'COPPICE_INVALID',
    () => open(`${folder}2`, { store, unshippedBytesMax: 1 }),
    /^unshippedBytesMax must/,
  );
  await db.close();
});

test('growing back, restoring and publishing say how far they are', async (t) => {
  const { store, folder, options } = await place(t);
  const db = await open(folder, options);
  for (let n = 0; n < 4; n++) await db.put(`key${n}`, 'x'.repeat(10_000));
  const heard: Progress[] = [];
  const onProgress = (progress: Progress) => heard.push(progress);
  const { bytes } = await db.checkpoint({ onProgress });
  t.deepEqual(heard.at(-1), { phase: 'checkpoint', done: bytes, total: bytes, unit: 'bytes' });
  t.true(heard.some(({ done }) => done === 0));
  for (let n = 0; n < 3; n++) await db.put(`key${n}`, 'again');
  await db.close();
  const phases = [
    () => open(`${folder}2`, { ...options, onProgress }).then((again) => again.close()),
    () => restore(store, { to: `${folder}3`, onProgress }),
    () => open(`${folder}4`, { store, readOnly: true, onProgress }).then((again) => again.close()),
  ];
  for (const grow of phases) {
    heard.length = 0;
    await grow();
    const tables = heard.filter(({ phase }) => phase === 'tables');
    t.deepEqual(tables[0], { phase: 'tables', done: 0, total: bytes, unit: 'bytes' });
    t.deepEqual(tables.at(-1), { phase: 'tables', done: bytes, total: bytes, unit: 'bytes' });
    const log = heard.filter(({ phase }) => phase === 'log').map(({ done }) => done);
    t.true(log.length >= 4, `${log}`);
    t.deepEqual(
      log,
      [...log].sort((a, b) => a - b),
    );
    t.true(heard.every(({ done, total }) => done <= total));
  }
  await refuses(t, 'COPPICE_INVALID', () => open(folder, { ...options, onProgress: 1 as never }), /^onProgress must/);
});

test('errorIfExists and createIfMissing are about the branch', async (t) => {
  const { store, folder, options } = await place(t);
  await refuses(t, 'COPPICE_NOT_FOUND', () => open(folder, { ...options, createIfMissing: false }), /no repository/);
  const db = await open(folder, { ...options, errorIfExists: true });
  await db.put('a', '1');
  const other = { ...options, branch: 'other', createIfMissing: false };
  await refuses(t, 'COPPICE_NOT_FOUND', () => open(`${folder}2`, other), /no branch "other"/);
  await refuses(t, 'COPPICE_EXISTS', () => open(`${folder}3`, { ...options, errorIfExists: true }), /"main" in memory/);
  t.is((await db.put('a', '2')).revision, 3);
  await db.close();
  await refuses(t, 'COPPICE_EXISTS', () => open(folder, { ...options, errorIfExists: true }), /"main"/);
  const again = await open(`${folder}4`, { ...options, createIfMissing: false });
  t.is(await again.get('a'), '2');
  await again.close();
  const both = ['5', '6'].map((n) =>
    open(folder + n, { store, branch: 'new', durability: 'remote', errorIfExists: true }),
  );
  const ends = await Promise.allSettled(both);
  t.is(ends.filter(({ status }) => status === 'fulfilled').length, 1);
  for (const end of ends) {
    if (end.status === 'fulfilled') await end.value.close();
    else t.is(end.reason.code, 'COPPICE_EXISTS');
  }
});

test('of two that open a branch the newer has it, and the older is told', async (t) => {
  const { folder, options } = await place(t);
  const older = await open(folder, options);
  const errors: CoppiceError[] = [];
  older.on('error', (error) => errors.push(error));
  await older.put('a', '1');
  const newer = await open(`${folder}2`, options);
  t.is(await newer.get('a'), '1');
  await refuses(t, 'COPPICE_FENCED', () => older.put('a', 'lost'));
  t.is(errors[0]?.code, 'COPPICE_FENCED');
  await refuses(t, 'COPPICE_FENCED', () => older.get('a'));
  await older.close();
  await newer.put('a', '2');
  await newer.close();
  const again = await open(folder, options);
  t.is(await again.get('a'), '2');
  await again.close();
});

test('what a database was made with is in the store before anything else, and need not be said again', async (t) => {
  const { store, folder } = await place(t);
  const away = new HostileStore(store);
  const db = await open(folder, { store: away, durability: 'remote', history: true });
  const { revision } = await db.put('a', '1');
  away.isAway = true;
  await db.close({ timeoutMs: 0 });
  const again = await open(`${folder}2`, { store, durability: 'remote' });
  await again.put('a', '2');
  t.is(await again.get('a', { at: revision }), '1');
  await again.close();
});

test('whoever calls on while the branch is taken is told that it is fenced, and nothing else', async (t) => {
  const { folder, options } = await place(t);
  const older = await open(folder, options);
  await older.put('a', '1');
  const codes = new Set<string>();
  let isOver = false;
  const answers: Promise<unknown>[] = [];
  const attempt = (call: () => Promise<unknown>) => {
    const tell = ({ code }: CoppiceError) => {
      codes.add(code);
    };
    try {
      answers.push(call().catch(tell));
    } catch (error) {
      tell(error as CoppiceError);
    }
  };
  older.on('error', () => {
    isOver = true;
  });
  const opening = open(`${folder}2`, options);
  while (!isOver) {
    attempt(() => older.put('a', 'lost'));
    attempt(() => older.batch([{ type: 'put', key: 'b', value: 'x'.repeat(100) }]));
    attempt(() => older.get('a'));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await Promise.all(answers);
  t.deepEqual([...codes], ['COPPICE_FENCED']);
  await older.close();
  await (await opening).close();
});

test('a restart and another disk upload no table again', async (t) => {
  const { store, folder, options } = await place(t);
  const tables = async () => {
    const keys: string[] = [];
    for await (const { key } of store.list('d/')) if (key.includes('/tables/')) keys.push(key);
    return keys;
  };
  const db = await open(folder, options);
  await db.put('a', '1');
  const events: unknown[] = [];
  db.on('checkpoint', (event) => events.push(event));
  const { revision, location } = await db.checkpoint();
  t.is(revision, 2);
  t.regex(location, /^memory\/d\/[0-9a-f]{32}\/manifests\//);
  t.is(events.length, 1);
  const before = await tables();
  t.is(before.length, 1);
  await db.close();
  for (const where of [folder, `${folder}2`]) {
    const again = await open(where, options);
    await again.checkpoint();
    await again.close();
  }
  t.deepEqual(await tables(), before);
});

test('a standby resolves when the owner has closed', async (t) => {
  const { folder, options } = await place(t);
  const owner = await open(folder, { ...options, standby: true });
  await owner.put('a', '1');
  const standing = open(`${folder}2`, { ...options, standby: true });
  await owner.put('a', '2');
  await owner.close();
  const standby = await standing;
  t.is(await standby.get('a'), '2');
  await standby.close();
  const signal = AbortSignal.timeout(50);
  const first = await open(folder, options);
  await refuses(t, 'COPPICE_ABORTED', () => open(`${folder}2`, { ...options, standby: true, signal }));
  await first.close();
});

test('a branch is restored as it is and as it was, while it is written', async (t) => {
  const { store, folder, options } = await place(t);
  const db = await open(folder, options);
  const { revision } = await db.put('a', '1');
  await db.checkpoint();
  await db.put('a', '2');
  const to = `${folder}-copy`;
  await restore(store, { to, revision });
  const copy = await open(to);
  t.is(await copy.get('a'), '1');
  await copy.put('a', 'of its own');
  await copy.close();
  await restore(store, { to: `${to}2` });
  const newest = await open(`${to}2`);
  t.is(await newest.get('a'), '2');
  await newest.close();
  await db.put('a', '3');
  await db.close();
  await refuses(t, 'COPPICE_EXISTS', () => restore(store, { to }));
  await refuses(t, 'COPPICE_NOT_FOUND', () => restore(memoryStore(), { to: `${to}3` }));
  await refuses(t, 'COPPICE_NOT_FOUND', () => restore(store, { to: `${to}3`, branch: 'other' }), /"other"/);
  await refuses(t, 'COPPICE_INVALID', () => restore(store, { to: `${to}3`, revision: 2, time: new Date() }));
});

test('what a store is needed for is refused without one, and the other way round', async (t) => {
  const { folder, options } = await place(t);
  await refuses(t, 'COPPICE_UNSUPPORTED', () => open(folder, { durability: 'remote' }), /needs an object store/);
  await refuses(t, 'COPPICE_INVALID', () => open(folder, { branch: 'main' }), /with a store/);
  await refuses(t, 'COPPICE_INVALID', () => open(folder, { store: {} as never }), /^store must be/);
  await refuses(t, 'COPPICE_INVALID', () => open(folder, { ...options, branch: '' }), /^branch must be/);
  await refuses(t, 'COPPICE_NOT_FOUND', () => open(folder, { ...options, createIfMissing: false }));
  const db = await open(folder, options);
  await refuses(t, 'COPPICE_INVALID', () => db.put('a', '1', { durability: 'disk' }), /less than the 'remote'/);
  await refuses(t, 'COPPICE_TOO_LARGE', () => db.put('a', 'x'.repeat(33 << 20)));
  await db.put('large', 'x'.repeat(2 << 20));
  await db.put('a', '1');
  t.regex(db.metrics(), /^coppice_branch_ready\{db="[^"]+"\} 1$/m);
  t.regex(db.metrics(), /^coppice_store_requests_total\{db="[^"]+",kind="put"\} \d+$/m);
  await db.close();
  await refuses(t, 'COPPICE_INVALID', () => open(folder), /is the disk of a branch/);
  const reader = await open(folder, { readOnly: true });
  t.is(await reader.get('a'), '1');
  await reader.close();
});

test('the command line makes, shows, publishes and restores', async (t) => {
  const top = await temporaryFolder(t);
  const [store, folder, copy] = [join(top, 'store'), join(top, 'db'), join(top, 'copy')];
  t.is((await coppice(['status', store])).code, 1);
  t.regex((await coppice(['init', store])).out, /holds the repository [0-9a-f]{32}/);
  const db = await open(folder, { store: fsStore(store), durability: 'remote' });
  await db.put('a', '1');
  await db.close();
  const published = await coppice(['checkpoint', folder, '--store', store, '--json']);
  t.is(JSON.parse(published.out).revision, 2, published.err);
  const { out } = await coppice(['status', store, '--json']);
  t.like(JSON.parse(out), { name: 'main', owner: null, checkpoint: { revision: 2 } });
  t.regex(
    (await coppice(['status', store])).out,
    /^main\twritten by nobody now, epoch 2; checkpoint at revision 2 of /,
  );
  t.is((await coppice(['restore', store, copy, '--revision', '2'])).out, `restored to ${copy}\n`);
  t.is((await coppice(['get', copy, 'a'])).out, '1\n');
  t.is((await coppice(['restore', store, copy, '--time', 'noon'])).code, 2);
  t.is((await coppice(['restore', store, `${copy}-now`, '--time', '1ms'])).code, 0);
  t.is((await coppice(['get', `${copy}-now`, 'a'])).out, '1\n');
  t.regex(
    (await coppice(['branch', store, 'old', '--time', '9000d'])).err,
    /"main" does not keep .* \(any more\): "coppice log .*store" shows .*COPPICE_COMPACTED/,
  );
  t.is((await coppice(['checkpoint', folder])).code, 2);
  t.regex((await coppice(['checkpoint', `${folder}-typo`, '--store', store])).err, /COPPICE_NOT_FOUND/);
});

test('a process does not end while a write waits for the store, or a checkpoint does, whatever else is idle', async (t) => {
  const index = new URL('../../dist/index.js', import.meta.url).href;
  const { code, output } = await runProgram(
    await temporaryFolder(t),
    `const { memoryStore } = await import(${JSON.stringify(index)});
     const store = memoryStore();
     let isSlow = false;
     // A store of somebody's own, which keeps nothing alive.
     const slow = { ...Object.fromEntries(['get', 'head', 'list', 'del'].map((call) => [call, store[call].bind(store)])),
       location: 'slow', put: async (...given) => {
         if (isSlow) await new Promise((resolve) => setTimeout(resolve, 100).unref());
         return store.put(...given);
       } };
     const db = await open(path + '/db', { store: slow, durability: 'remote' });
     isSlow = true;
     await db.put('a', '1');
     console.log('stored');
     await db.checkpoint();
     console.log('published');
     await db.close();`,
  );
  t.is(code, 0, output);
  t.is(output, 'stored\npublished\n');
});
