/** `--dry-run`: whatever deletes or overwrites says what it would do, and does nothing. */

import { createHash } from 'node:crypto';
import { access, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { COMMANDS } from '../../ts/cli/commands/index.js';
import { open } from '../../ts/index.js';
import { coppice } from '../support/command.js';
import { fill, temporaryFolder } from '../support/database.js';

test('every command that deletes or overwrites can be tried', (t) => {
  const offering = COMMANDS.filter(({ flags }) => 'dry-run' in flags).map(({ name }) => name);
  for (const name of ['branch', 'del', 'import', 'merge', 'repair', 'trim', 'verify'])
    t.true(offering.includes(name), name);
});

/** Of everything in a folder. */
async function digestOf(folder: string): Promise<string> {
  const digest = createHash('sha256');
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const paths = files.map(({ parentPath, name }) => join(parentPath, name)).sort();
  for (const path of paths) digest.update(path).update(await readFile(path));
  return digest.digest('hex');
}

async function letters(t: ExecutionContext, options = {}): Promise<string> {
  const path = join(await temporaryFolder(t), 'db');
  await using db = await open(path, options);
  await fill(db, ['a', 'b', 'c', 'd']);
  return path;
}

test('del says how many keys would go, each once', async (t) => {
  const path = await letters(t);
  const before = await digestOf(path);
  const would = async (...args: string[]) =>
    JSON.parse((await coppice(['del', path, ...args, '--dry-run', '--json'])).out).keys;
  t.is(await would('a', 'a', 'x'), 1);
  t.is(await would('--prefix', ''), 4);
  t.is(await would('a', 'b', 'c', '--gt', 'a', '--lte', 'b'), 3);
  t.is(await would('d', 'c', '--gte', 'b', '--lt', 'd'), 3);
  t.is(await would('--sublevel', 'none', '--prefix', ''), 0);
  t.is((await coppice(['del', path, 'a', '--dry-run'])).out, 'would remove 1 keys\n');
  t.is((await coppice(['del', path, '--dry-run'])).code, 2);
  t.is(await digestOf(path), before);
});

test('trim says what could not be read any more, and is refused as it would be', async (t) => {
  const path = await letters(t, { history: true });
  for (const value of ['1', '2', '3']) await coppice(['put', path, 'a', value]);
  await coppice(['trim', path, '3']);
  const before = await digestOf(path);
  const dry = (revision: string) => coppice(['trim', path, revision, '--dry-run']);
  t.is((await dry('5')).out, 'would forget 2 revisions: none before 5 could be read\n');
  t.is((await dry('2')).out, 'would forget 0 revisions: none before 3 could be read\n');
  t.regex((await dry('99')).err, /COPPICE_FUTURE_REVISION/);
  t.is(await digestOf(path), before);
  t.regex((await coppice(['trim', path, '99'])).err, /COPPICE_FUTURE_REVISION/);
  t.is((await coppice(['get', path, 'a', '--at', '3'])).out, '1\n');
  const plain = await coppice(['trim', await letters(t), '1', '--dry-run']);
  t.regex(plain.err, /COPPICE_UNSUPPORTED/);
});

test('repair says what would be lost, and leaves its target as it is', async (t) => {
  const path = await letters(t);
  await writeFile(join(path, 'CURRENT'), 'coppice 1 000009.manifest 00000000\n');
  const [before, to] = [await digestOf(path), `${path}-repaired`];
  const dry = await coppice(['repair', path, to, '--dry-run']);
  await t.throwsAsync(access(to));
  t.is(await digestOf(path), before);
  t.regex(dry.out, new RegExp(`^4 keys up to revision 2, .* in ${to}$`, 'm'));
  const made = await coppice(['repair', path, to]);
  t.deepEqual([dry.code, dry.out], [made.code, made.out]);
});

for (const history of [false, true]) {
  test(`merge says what it would do${history ? ', with history' : ''}, and takes the branch from nobody`, async (t) => {
    const top = await temporaryFolder(t);
    const [store, path] = [join(top, 'store'), join(top, 'db')];
    const owner = await open(path, { store, durability: 'remote', history });
    await fill(owner, ['a', 'b', 'c']);
    const idea = await owner.branch('idea');
    await idea.put('a', 'theirs');
    await idea.put('b', 'theirs');
    await idea.close();
    const merge = (...args: string[]) => coppice(['merge', path, 'idea', '--store', store, ...args]);
    t.is((await merge('--dry-run')).out, 'would merge idea: 2 keys, 0 conflicts decided\n');
    await owner.put('a', 'ours');
    const refused = await merge('--dry-run');
    t.is(refused.code, 1);
    t.is(refused.out, '! a\tbase A\tours ours\ttheirs theirs\nnothing would be merged: 1 conflicts, 1 keys without\n');
    const json = JSON.parse((await merge('--dry-run', '--theirs', '--json')).out);
    t.like(json, { ok: true, changes: 2, resolved: 1, commits: 0, dryRun: true });
    t.like(await owner.merge('idea', { conflicts: 'ours', dryRun: true }), { ok: true, changes: 1, commits: 0 });
    t.is(await owner.get('b'), 'B');
    await owner.put('c', 'still its own');
    await owner.close();
    t.is((await merge()).code, 1);
    t.regex((await merge('--theirs')).out, /^merged idea: 2 keys, 1 conflicts decided, revision \d+\n$/);
  });
}
