/** Encrypted databases in a store: no object says anything, and nobody goes on without the key. */

import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import {
  collect,
  createBranch,
  type Database,
  dropBranch,
  fsStore,
  listBranches,
  type OpenOptions,
  open,
  resetBranch,
  restore,
} from '../../ts/index.js';
import { Keyring, sealed, unsealed } from '../../ts/repository/formats/index.js';
import { coppice } from '../support/command.js';
import { temporaryFolder } from '../support/database.js';
import { refuses } from '../support/errors.js';
import { filesBelow, MARK, showing } from '../support/marks.js';

const key = () => randomBytes(32);

/** Format 1 as it was first written, with the key of 32 bytes 01: every later version reads it. */
const GOLDEN =
  'Y29wc2VhbAoBAAAAAAAAAPL49or4xttzbmYSLELo5T7xpblj4zrQfuQjc04lt9kXKHhOR3kb6hRN7CuiREPYQTOj/pEJX2u31WhT' +
  'AiNLZ4q4grN+wUNnUZQo/ZmcMRcX3mEY8YaajpIcoohlrf/xeh3H9YVq5VWnOSlI';

type Db = Database<string, string>;

interface World {
  readonly folder: string;
  readonly objects: string;
  open(name: string, key: Uint8Array, more?: OpenOptions & { previous?: Uint8Array[] }): Promise<Db>;
}

async function world(t: ExecutionContext): Promise<World> {
  const folder = await temporaryFolder(t);
  const objects = join(folder, 'store');
  return {
    folder,
    objects,
    open: (name, key, { previous = [], ...more } = {}) =>
      open(join(folder, name), {
        store: fsStore(objects),
        durability: 'remote',
        encryption: { key, previous },
        ...more,
      }),
  };
}

async function fill(db: Db, round: number): Promise<void> {
  for (let n = 0; n < 100; n++) db.put(`${MARK} ${n}`, `${MARK} ${round}`.repeat(n % 10 === 0 ? 400 : 1));
  await db.delRange({ gte: `${MARK} 50`, lt: `${MARK} 60` });
  await db.put('round', String(round));
  await db.checkpoint();
  await db.put(`${MARK} behind it`, MARK);
}

test('no byte of a key or value is in any object or file, through regrowth, replica, restore and another key', async (t) => {
  const { folder, objects, open } = await world(t);
  const [first, second] = [key(), key()];
  const db = await open('one', first);
  await fill(db, 1);
  const { revision } = db;
  const replica = await open('replica', first, { readOnly: true });
  await replica.waitFor(revision, 'remote');
  t.is(await replica.get('round'), '1');
  await replica.close();
  await db.close();

  const regrown = await open('two', first);
  t.is(await regrown.get(`${MARK} behind it`), MARK);
  await fill(regrown, 2);
  await restore(fsStore(objects), { to: join(folder, 'copy'), revision, encryption: { key: first } });
  const encryption = { key: first };
  await createBranch(fsStore(objects), 'past', { at: revision, encryption });
  const past = await open('past', first, { branch: 'past' });
  t.is(await past.get('round'), '1');
  await past.put(`${MARK} of the branch`, MARK);
  const beside = await regrown.branch('beside');
  t.is(await beside.get('round'), '2');
  await beside.put(`${MARK} of another`, MARK);
  await beside.close();
  await regrown.merge('beside');
  t.is(await regrown.get(`${MARK} of another`), MARK);
  await past.close();
  t.is((await listBranches(fsStore(objects), { encryption })).length, 3);
  await dropBranch(fsStore(objects), 'past', { encryption });
  await refuses(t, 'COPPICE_ENCRYPTED', () => listBranches(fsStore(objects)));
  await regrown.close();

  const turned = await open('two', second, { previous: [first] });
  await fill(turned, 3);
  await turned.compact();
  await turned.close();
  const again = await open('three', second, { previous: [first] });
  t.is(await again.get('round'), '3');
  t.is((await again.get(`${MARK} 40`))?.length, 400 * `${MARK} 3`.length);
  await again.close();

  const { code, out } = await withKeys([second, first], () => coppice(['verify', objects, '--store', '--deep']));
  t.deepEqual([code, /all is well/.test(out)], [0, true], out);
  t.deepEqual(await showing(folder), []);
});

test('a database that becomes a branch is encrypted before, and one that is plain is refused', async (t) => {
  const { folder, objects, open: openBranch } = await world(t);
  const secret = key();
  const path = join(folder, 'alone');
  const alone = await open(path, { encryption: { key: secret } });
  await alone.put(MARK, MARK);
  await alone.close();
  const branch = await openBranch('alone', secret);
  await branch.put('more', MARK);
  await branch.close();
  const grown = await openBranch('elsewhere', secret);
  t.is(await grown.get(MARK), MARK);
  await grown.close();
  t.deepEqual(await showing(folder), []);

  const plain = join(folder, 'plain');
  await (await open(plain)).close();
  await refuses(t, 'COPPICE_ENCRYPTED', () => open(plain, { store: fsStore(objects), branch: 'plain' }));
});

test('a repository is refused without its key, with another one, and with a key if it is plain', async (t) => {
  const { folder, objects, open: openBranch } = await world(t);
  const right = key();
  await (await openBranch('one', right)).close();
  await refuses(t, 'COPPICE_WRONG_ENCRYPTION_KEY', () => openBranch('two', key()), /none of those/);
  const store = fsStore(objects);
  await refuses(t, 'COPPICE_ENCRYPTED', () => open(join(folder, 'three'), { store }));
  await refuses(t, 'COPPICE_ENCRYPTED', () => restore(store, { to: join(folder, 'four') }));
  const plain = fsStore(join(folder, 'plain store'));
  await (await open(join(folder, 'plain'), { store: plain })).close();
  const encryption = { key: right };
  await refuses(t, 'COPPICE_INVALID', () => open(join(folder, 'five'), { store: plain, encryption }), /not encrypted/);
});

test('after a change of keys the new one is known to the repository', async (t) => {
  const { open } = await world(t);
  const [first, second] = [key(), key()];
  await (await open('one', first)).close();
  const turned = await open('one', second, { previous: [first] });
  await turned.put('a', '1');
  await turned.close();
  const error = await refuses(t, 'COPPICE_WRONG_ENCRYPTION_KEY', () => open('two', second));
  t.regex(error.message, /"d\//, 'what was stored before needs the first one still');
  const both = await open('three', second, { previous: [first] });
  t.is(await both.get('a'), '1');
  await both.close();
});

test('an encrypted branch is reset, kept under a tag, detached and collected, and says nothing anywhere', async (t) => {
  const { folder, objects, open } = await world(t);
  const secret = key();
  const encryption = { key: secret };
  const db = await open('one', secret, { durability: 'remote' });
  const { revision } = await db.put('price', `${MARK}10`);
  await db.put('price', `${MARK}11`);
  await db.checkpoint();
  await db.close();
  await refuses(t, 'COPPICE_ENCRYPTED', () => resetBranch(objects, 'main', { from: 'main', at: revision }));
  await resetBranch(objects, 'main', { from: 'main', at: revision, keep: 'was', encryption });
  const again = await open('one', secret, { durability: 'remote' });
  t.is(await again.get('price'), `${MARK}10`);
  t.deepEqual(await again.detach(), { ok: true, heldBy: [] });
  await again.close();
  const was = await open('was', secret, { branch: 'was', readOnly: true });
  t.is(await was.get('price'), `${MARK}11`);
  await was.close();
  await collect(objects, { encryption });
  t.deepEqual(await showing(folder), []);
});

test('what reads a whole store takes its key from the environment', async (t) => {
  const { folder: top, objects, open } = await world(t);
  const secret = key();
  const db = await open('one', secret);
  await fill(db, 1);
  await db.checkpoint();
  const branch = await db.branch('idea');
  await branch.put('new', 'here');
  await branch.close();
  await db.close();
  const disk = db.path;
  for (const args of [
    ['log', objects],
    ['export', objects, '--store', '--branch', 'idea', '--out', join(top, 'lines')],
    ['import', join(top, 'two'), join(top, 'lines')],
    ['merge', disk, 'idea', '--store', objects, '--dry-run'],
    ['verify', objects, '--store', '--replay', '--against', disk],
  ]) {
    // What is made by an import is encrypted or not; all others read what is.
    if (args[0] !== 'import') {
      const refused = await withKeys([], () => coppice(args));
      t.true(refused.code > 0, args[0]);
      t.regex(refused.out + refused.err, /is encrypted, and no key was given/, args[0]);
    }
    const { code, err } = await withKeys([secret], () => coppice(args));
    t.deepEqual([code, err], [0, ''], args[0]);
  }
});

test('branches of an encrypted store are compared on the command line', async (t) => {
  const { objects, open } = await world(t);
  const secret = key();
  const db = await open('one', secret);
  await fill(db, 1);
  const branch = await db.branch('idea');
  await branch.put('new', 'here');
  await branch.close();
  await db.close();
  const { code, out } = await withKeys([secret], () => coppice(['diff', objects, 'main..idea', '--store']));
  t.deepEqual([code, out], [0, '+ new\there\n']);
  t.is((await coppice(['diff', objects, 'main..idea', '--store'])).code, 3);
});

test('a changed byte of any object is told as damage with its key', async (t) => {
  const { objects, open } = await world(t);
  const secret = key();
  const db = await open('one', secret);
  await fill(db, 1);
  await db.close();
  const kinds = ['wal', 'manifests', 'tables'];
  for (const kind of kinds) {
    const file = (await filesBelow(objects))
      .filter((name) => name.includes(`/${kind}/`))
      .sort()
      .at(-1) as string;
    const bytes = await readFile(file);
    const changed = Buffer.from(bytes);
    changed.writeUInt8(changed.readUInt8(bytes.length - 20) ^ 1, bytes.length - 20);
    await writeFile(file, changed);
    const { code, out } = await withKeys([secret], () => coppice(['verify', objects, '--store', '--deep']));
    t.is(code, 1, kind);
    t.regex(out, new RegExp(`${kind}/`));
    await writeFile(file, bytes);
  }
});

test('an object is read under its name and with its key, and is otherwise damaged or refused', async (t) => {
  const keys = new Keyring([key()]);
  const body = Buffer.from(MARK);
  const object = sealed(keys, 'd/1/wal/2', body);
  t.false(object.includes(MARK));
  t.deepEqual(unsealed(keys, 'd/1/wal/2', object), body);
  t.notDeepEqual(sealed(keys, 'd/1/wal/2', body), object, 'each has a key of its own');
  await refuses(t, 'COPPICE_CORRUPT', () => unsealed(keys, 'd/1/wal/3', object));
  await refuses(t, 'COPPICE_WRONG_ENCRYPTION_KEY', () => unsealed(new Keyring([key()]), 'd/1/wal/2', object));
  for (let at = 0; at < object.length; at++) {
    const changed = Buffer.from(object);
    changed[at] = (changed[at] as number) ^ 1;
    await t.throwsAsync(async () => unsealed(keys, 'd/1/wal/2', changed), undefined, `byte ${at}`);
    await t.throwsAsync(async () => unsealed(keys, 'd/1/wal/2', object.subarray(0, at)));
  }
  t.deepEqual(unsealed(new Keyring([Buffer.alloc(32, 1)]), 'd/1/wal/2', Buffer.from(GOLDEN, 'base64')), body);
});

/** One call at a time: the tests of this file are serial where they use it. */
let turn: Promise<unknown> = Promise.resolve();
function withKeys<T>(keys: readonly Uint8Array[], act: () => Promise<T>): Promise<T> {
  const acted = turn.then(async () => {
    process.env.COPPICE_ENCRYPTION_KEY = keys.map((key) => Buffer.from(key).toString('hex')).join(',');
    try {
      return await act();
    } finally {
      delete process.env.COPPICE_ENCRYPTION_KEY;
    }
  });
  turn = acted.catch(() => {});
  return acted;
}
