import { open as openFile, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type Database, fsStore, type ObjectStore, open } from '../../ts/index.js';
import { coppice } from '../support/command.js';
import { temporaryDatabase, temporaryFolder } from '../support/database.js';

const KEYS = 3_000;

/** A branch with several tables, all of which the store has; and where its folder is. */
async function filled(
  t: ExecutionContext,
): Promise<{ db: Database<string, string>; path: string; store: ObjectStore }> {
  const top = await temporaryFolder(t);
  const [path, store] = [join(top, 'db'), fsStore(join(top, 'store'))];
  const db = await open(path, { store, durability: 'process' });
  t.teardown(() => db.close());
  for (let part = 0; part < 3; part++) {
    const keys = Array.from({ length: KEYS }, (_, n) => `part${part}/${n}`);
    await db.batch(keys.map((key) => ({ type: 'put', key, value: `${key} `.repeat(10) })));
    await db.flush();
  }
  await db.checkpoint();
  return { db, path, store };
}

async function tables(path: string): Promise<string[]> {
  return (await readdir(path)).filter((name) => name.endsWith('.table')).map((name) => join(path, name));
}

async function damage(file: string, at: number): Promise<void> {
  const handle = await openFile(file, 'r+');
  await handle.write(Buffer.from('damaged'), 0, 7, at);
  await handle.close();
}

async function isWhole(db: Database<string, string>): Promise<boolean> {
  for await (const [key, value] of db.entries()) if (value !== `${key} `.repeat(10)) return false;
  return (await db.count()) === 3 * KEYS;
}

test('damaged, cut and lost tables are put right from the store while the database is open', async (t) => {
  const { db, path } = await filled(t);
  const files = await tables(path);
  const [first, second, third] = files as [string, string, string];
  await damage(first, 3_000);
  const handle = await openFile(second, 'r+');
  await handle.truncate(1_000);
  await handle.close();
  await rm(third);
  const found = await db.verify();
  t.false(found.ok);
  t.is(found.repaired, undefined);
  const repaired = await db.verify({ repair: true });
  t.deepEqual([repaired.ok, repaired.problems], [true, []]);
  t.true(repaired.repaired?.includes(first) && repaired.repaired.includes(second));
  t.true(await isWhole(db));
  t.deepEqual((await db.verify({ repair: true })).repaired, []);
  await db.compact();
  t.true(await isWhole(db));
});

test('what the store does not have, or has damaged too, is left and named', async (t) => {
  const { db, path, store } = await filled(t);
  await db.put('new', 'only here');
  await db.flush();
  const all = await tables(path);
  const sizes = await Promise.all(all.map(async (file) => (await stat(file)).size));
  const newest = all[sizes.indexOf(Math.min(...sizes))] as string;
  await damage(newest, 20);
  const found = await db.verify({ repair: true });
  t.deepEqual([found.ok, found.repaired, found.problems[0]?.file], [false, [], newest]);
  const other = all.find((file) => file !== newest) as string;
  await damage(other, 3_000);
  for await (const { key } of store.list('d/')) {
    if (!key.includes('/tables/')) continue;
    const body = Buffer.from((await store.get(key))?.body as Uint8Array);
    body[100] = (body[100] as number) ^ 1;
    await store.put(key, body);
  }
  t.deepEqual((await db.verify({ repair: true })).repaired, []);
});

test('on the command line a folder is repaired from its store', async (t) => {
  const { db, path, store } = await filled(t);
  await db.close();
  const [first] = (await tables(path)) as [string];
  await damage(first, 3_000);
  t.is((await coppice(['verify', path])).code, 1);
  const dry = await coppice(['verify', path, '--repair', store.location, '--dry-run']);
  t.is(dry.code, 1);
  t.true(dry.out.startsWith(`would try to repair ${first}\n`));
  t.is((await coppice(['verify', path])).code, 1, 'a dry run repairs nothing');
  const { code, out } = await coppice(['verify', path, '--repair', store.location]);
  t.is(code, 0);
  t.regex(out, new RegExp(`^repaired ${first}\\nchecked \\d+ bytes: all is well\\n$`));
  t.is((await coppice(['verify', `${path}-none`, '--repair', store.location])).code, 2);
  t.is((await coppice(['verify', path, '--dry-run'])).code, 2);
  t.is((await coppice(['verify', path])).code, 0);
});

test('a replica repairs its copy too', async (t) => {
  const { path, store, db } = await filled(t);
  const replica = await open(`${path}-replica`, { store, readOnly: true, pollMs: 50 });
  t.teardown(() => replica.close());
  const [first] = (await tables(`${path}-replica`)) as [string];
  await damage(first, 3_000);
  t.deepEqual((await replica.verify({ repair: true })).repaired, [first]);
  t.true(await isWhole(replica));
  t.true((await db.verify()).ok);
});

test('a scrub finds damage by itself and puts it right', async (t) => {
  const { db, path, store } = await filled(t);
  await db.close();
  const again = await open(path, { store, scrub: { bytesPerSecond: 1 << 30, pause: 20 } });
  // A scrub keeps no process alive.
  const awake = setInterval(() => {}, 1_000);
  t.teardown(() => again.close().finally(() => clearInterval(awake)));
  const round = () => new Promise<{ ok: boolean; repaired?: string[] }>((resolve) => again.on('scrub', resolve));
  t.true((await round()).ok);
  const [first] = (await tables(path)) as [string];
  await damage(first, 3_000);
  for (let repaired = 0; repaired === 0; ) repaired = (await round()).repaired?.length ?? 0;
  t.true(await isWhole(again));
});

test('a scrub reads no faster than it may, and ends with the database', async (t) => {
  const { db } = await filled(t);
  await db.compact();
  const bytes = db.stats().levels.reduce((sum, level) => sum + level.bytes, 0);
  const began = performance.now();
  await db.verify({ bytesPerSecond: bytes * 2 });
  t.true(performance.now() - began > 300, 'half a second, but for what the bucket holds');
  const slow = db.verify({ bytesPerSecond: 65_536 });
  const closing = performance.now();
  await db.close();
  t.true(performance.now() - closing < 5_000);
  await slow.then(
    () => t.pass(),
    (error) => t.is(error.code, 'COPPICE_CLOSED'),
  );
});

test('without a store there is nothing to repair from', async (t) => {
  const db = await temporaryDatabase(t);
  await t.throwsAsync(db.verify({ repair: true }), { code: 'COPPICE_UNSUPPORTED', message: /with its store/ });
  await t.throwsAsync(db.verify({ bytesPerSecond: 1 }), { code: 'COPPICE_INVALID' });
  const folder = await temporaryFolder(t);
  await t.throwsAsync(open(join(folder, 'a'), { scrub: { rate: 1 } as never }), { code: 'COPPICE_INVALID' });
  await t.throwsAsync(open(join(folder, 'a'), { scrub: 'often' as never }), { code: 'COPPICE_INVALID' });
});
