import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { fsStore, type ObjectStore } from '../../ts/index.js';
import { verifyBranch } from '../../ts/repository/index.js';
import { coppice } from '../support/command.js';
import { temporaryFolder } from '../support/database.js';
import { refuses } from '../support/errors.js';
import { openBranch } from './shell/branch.js';

/** A branch with two checkpoints and a log, whose names are answered. */
async function filled(store: ObjectStore, folder: string): Promise<string[]> {
  const { shell, write } = await openBranch(store, folder);
  for (const text of ['a', 'b', 'c']) {
    await write(text);
    await shell.checkpoint();
  }
  await write('d');
  await shell.close();
  const keys: string[] = [];
  for await (const { key } of store.list('d/')) keys.push(key);
  return keys;
}

test('a branch that is whole is found whole, and every object that is lost or damaged is named', async (t) => {
  const top = await temporaryFolder(t);
  const root = join(top, 'store');
  const store = fsStore(root);
  const keys = await filled(store, join(top, 'db'));
  t.true((await verifyBranch(store, 'main', true)).ok);
  const { out, code } = await coppice(['verify', root, '--store']);
  t.regex(out, /^fast: checked 2 manifests, \d+ tables and \d+ slots: all is well\n$/);
  t.is(code, 0);
  // The fence is older than what is kept, and is there for other reasons.
  for (const key of keys.filter((key) => !key.endsWith('/wal/00000000000000000001'))) {
    const body = (await store.get(key))?.body as Uint8Array;
    const damaged = Uint8Array.from(body);
    damaged[damaged.length - 1] = (damaged.at(-1) as number) ^ 1;
    await store.put(key, damaged);
    const deep = await verifyBranch(store, 'main', true);
    t.true(
      deep.problems.some(({ file }) => file === key),
      `damaged: ${key}`,
    );
    await rm(join(root, key));
    // Nobody can tell the end of the log from a place where the last slots are gone.
    const isLast = key.includes('/wal/') && keys.filter((other) => other.includes('/wal/')).at(-1) === key;
    const found = await verifyBranch(store, 'main', false);
    t.is(
      found.problems.some(({ file }) => file === key),
      !isLast || found.problems.length > 0,
      `missing: ${key}`,
    );
    await store.put(key, body);
  }
  t.true((await verifyBranch(store, 'main', false)).ok);
  await rm(join(root, keys.find((key) => key.includes('/tables/')) as string));
  const broken = await coppice(['verify', root, '--store']);
  t.is(broken.code, 1);
  t.regex(broken.out, /^d\/.*\/tables\/.* at 0: it is missing$/m);
});

test('there is nothing to verify where there is no branch', async (t) => {
  const store = fsStore(join(await temporaryFolder(t), 'store'));
  await refuses(t, 'COPPICE_NOT_FOUND', () => verifyBranch(store, 'main', false), /no branch "main"/);
  t.is((await coppice(['verify', store.location, '--store'])).code, 3);
});
