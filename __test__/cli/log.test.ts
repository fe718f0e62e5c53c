import { readFile, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { createBranch, dropBranch, fsStore, type LogEvent, open } from '../../ts/index.js';
import { expireBranch, forkBranch } from '../../ts/repository/branches.js';
import { coppice } from '../support/command.js';
import { temporaryFolder } from '../support/database.js';

const PICTURE = new URL('../../docs/branches.svg', import.meta.url);
/** So that no two things happen at the same millisecond. */
const tick = () => setTimeout(3);

/** A store with a `main` that was taken over and trimmed, three branches of it, one of which was dropped, one of that, and a tag. */
async function storeOfBranches(t: ExecutionContext): Promise<string> {
  const folder = await temporaryFolder(t);
  const store = join(folder, 'store');
  const options = { store, durability: 'remote', history: true, checkpoint: { keep: 9 } } as const;
  const put = async (db: Awaited<ReturnType<typeof open>>, key: string) => {
    await tick();
    await db.put(key, 'value');
    await tick();
  };
  const db = await open(join(folder, 'data'), options);
  await put(db, 'a');
  await put(db, 'b');
  await db.checkpoint();
  const migration = await db.branch('migration');
  await put(migration, 'a');
  await migration.checkpoint();
  for (const key of ['c', 'd', 'e']) await put(db, key);
  await db.trim(2);
  await put(db, 'f');
  await db.checkpoint();
  const second = await migration.branch('migration-2');
  await put(second, 'a');
  await second.close();
  await migration.close();
  await put(db, 'g');
  const preview = await db.branch('pr-12');
  await put(preview, 'h');
  await preview.checkpoint();
  await preview.close();
  await put(db, 'h');
  await forkBranch(fsStore(store), { parent: 'main', name: 'v1.0', at: null, kind: 'tag' });
  await db.close();
  const again = await open(join(folder, 'data'), options);
  await put(again, 'i');
  await again.close();
  await createBranch(store, 'before', { at: 5 });
  await expireBranch(fsStore(store), 'before', Date.UTC(2100, 0));
  await dropBranch(store, 'migration');
  return store;
}

const lines = (out: string) => out.trimEnd().split('\n');
/** What is drawn and said, without when. */
const structure = (svg: string) =>
  svg
    .replaceAll(/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\dZ?/g, 'TIME')
    .replaceAll(/\d+ (B|KiB)/g, 'SIZE')
    .replaceAll(/<(line class="axis"|text class="small"[^>]*>TIME).*\n/g, '');

test('log tells what happened, as lines, as documents, as a graph and as the picture of the page about branches', async (t) => {
  const store = await storeOfBranches(t);
  const { code, out } = await coppice(['log', store, '--json']);
  t.is(code, 0);
  const events = lines(out).map((line) => JSON.parse(line) as LogEvent);
  const of = (branch: string) => events.filter((event) => event.branch === branch).map(({ type }) => type);
  t.deepEqual(of('main'), ['end', 'takeover', 'checkpoint', 'trim', 'checkpoint', 'checkpoint', 'takeover']);
  t.deepEqual(of('migration'), ['drop', 'checkpoint', 'branch']);
  t.deepEqual(of('before'), ['end', 'branch']);
  const grown = events.flatMap((event) =>
    event.type === 'branch' ? [[event.branch, event.from, event.revision]] : [],
  );
  t.deepEqual(grown.sort(), [
    ['before', 'main', 5],
    ['migration', 'main', 3],
    ['migration-2', 'migration', 4],
    ['pr-12', 'main', 8],
  ]);
  t.deepEqual(
    events.flatMap((event) => (event.type === 'checkpoint' && event.branch === 'main' ? [event.revision] : [])),
    [7, 3, 1],
  );
  const taken = events.find((event) => event.type === 'takeover' && event.branch === 'main' && event.epoch === 2);
  t.like(taken, { owner: hostname(), revision: 9, time: 'about' });

  t.like(
    events.find(({ type }) => type === 'tag'),
    { branch: 'v1.0', from: 'main', revision: 9, expiresAt: null },
  );
  t.like(
    events.find(({ branch }) => branch === 'before'),
    { type: 'end', expiresAt: '2100-01-01T00:00:00.000Z' },
  );

  const plain = lines((await coppice(['log', store])).out);
  t.is(plain.length, events.length);
  t.true(plain.some((line) => /^\S+Z {2}before {2}grown from main at revision 5$/.test(line)));
  t.true(plain.some((line) => /^\S+Z {2}main {2}trimmed to revision 2 \(before then\)$/.test(line)));
  t.true(plain.some((line) => / {2}migration {2}checkpoint: revision 4, 2 tables, \d+ B, \d+ B shared$/.test(line)));

  const svg = join(store, '..', 'log.svg');
  t.regex((await coppice(['log', store, '--svg', svg])).out, /^\d+ events are drawn in .*log\.svg\n$/);
  const drawn = (await readFile(svg, 'utf8')).replaceAll(hostname(), 'a machine');
  if (process.env.COPPICE_DRAW === '1') await writeFile(PICTURE, drawn);
  t.is(structure(drawn), structure(await readFile(PICTURE, 'utf8')), 'draw it anew with COPPICE_DRAW=1');
});

test('the graph has a lane for each branch, which ends at the one that it has grown from', async (t) => {
  const store = await storeOfBranches(t);
  const { out } = await coppice(['log', store, '--graph']);
  t.true(lines(out).every((line) => line.length <= 80 && /^[ -~]+$/.test(line)));
  t.is(
    out
      .replaceAll(/ \S+Z /g, ' ')
      .replaceAll(/(newest|checkpoint|grown|taken|trimmed|dropped|tag)[^\n]*/g, '$1')
      .replaceAll(/ +\n/g, '\n'),
    [
      '* main: newest',
      '* v1.0: tag',
      '* main: taken',
      '| * pr-12: newest',
      '| * pr-12: checkpoint',
      '| * pr-12: trimmed',
      '| * pr-12: taken',
      '| * pr-12: grown',
      '|/',
      '| * migration-2: newest',
      '* | main: checkpoint',
      '* | main: trimmed',
      '| | * before: newest',
      '| | * before: grown',
      '|-|-/',
      '| | * migration: dropped',
      '| * | migration-2: taken',
      '| * | migration-2: grown',
      '| \\-|',
      '|   * migration: checkpoint',
      '|   * migration: grown',
      '|---/',
      '* main: checkpoint',
      '* main: checkpoint',
      '* main: taken',
      '',
    ].join('\n'),
  );
});

test('of one branch its own is told, and what grew from it', async (t) => {
  const store = await storeOfBranches(t);
  const { out } = await coppice(['log', store, '--branch', 'pr-12', '--json']);
  t.deepEqual([...new Set(lines(out).map((line) => (JSON.parse(line) as LogEvent).branch))], ['pr-12']);
  const main = lines((await coppice(['log', store, '--branch', 'main', '--json'])).out);
  const others = main.map((line) => JSON.parse(line) as LogEvent).filter(({ branch }) => branch !== 'main');
  t.deepEqual(others.map(({ type, branch }) => `${type} ${branch}`).sort(), [
    'branch before',
    'branch migration',
    'branch pr-12',
    'tag v1.0',
  ]);
  t.is((await coppice(['log', store, '--branch', 'nobody'])).code, 3);
  t.is((await coppice(['log', store, '--graph', '--json'])).code, 2);
});
