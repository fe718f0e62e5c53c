import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';
import { open } from '../../ts/index.js';
import { installedVersion } from '../../ts/tour/dictionary.js';
import { databaseFolder, MARK, openLibrary, removeDatabase } from '../../ts/tour/library.js';
import { commandsFor } from '../../ts/tour/next.js';
import { parseOptions } from '../../ts/tour/options.js';
import type { Report } from '../../ts/tour/tour.js';
import { coppice } from '../support/command.js';
import { temporaryFolder } from '../support/database.js';
import { interrupt, startTour } from './support.js';

test('the whole tour loses nothing, and what it says to try next works', async (t) => {
  t.timeout(300_000);
  const path = await temporaryFolder(t);
  const { code, out, err } = await startTour(['--json', '--path', path]);
  t.is(code, 0, err);
  const report = JSON.parse(out) as Report;
  t.true(report.ok);
  t.is(report.load.how, 'loaded');
  t.true(report.load.meanings > 200_000);
  for (const { ask, answer } of report.answers) t.notDeepEqual(answer, ['nothing'], ask);
  t.deepEqual(report.more.snapshot, { before: 'standing', after: 'cut' });
  t.deepEqual(report.more.check, { first: true, second: false });
  t.is(report.more.ttl.after, undefined);
  t.true(report.beside.rates.every((rate) => rate.coppice > 0 && rate.memoryLevel > 0));
  for (const kill of report.kills) {
    t.true(kill.acknowledged > 0);
    t.deepEqual([kill.lost, kill.torn, kill.dictionaryWhole], [0, 0, true], kill.durability);
  }
  t.true(report.verify.ok);
  t.true(report.grown.same && report.grown.keys > report.load.meanings);
  const { sharedBytes, ownBytes, diff, merge, same } = report.branched;
  t.true(same);
  t.is(sharedBytes, report.grown.bytes);
  t.true(ownBytes > 0 && ownBytes < sharedBytes / 10);
  t.is(diff.made, 1);
  t.true(diff.changed > 5_000 && diff.deleted > 100);
  // What main has made since is no change of the branch.
  t.is(merge.changes, diff.changed + diff.made + diff.deleted - 1);
  t.deepEqual(await readdir(join(path, 'grown')), ['disk', 'store'], 'the folder of the branch is left');

  for (const command of commandsFor(path)) {
    const { code, out, err } = await coppice(command);
    t.is(code, 0, command.join(' '));
    t.is(err, '', command.join(' '));
    if (command[0] !== 'put' && command[0] !== 'del') t.not(out, '', command.join(' '));
  }
});

test('a second run finds what the first has loaded, and --fresh loads it again', async (t) => {
  t.timeout(300_000);
  const path = await temporaryFolder(t);
  const how = async (...args: string[]) => {
    const { code, out, err } = await startTour(['--json', '--path', path, ...args]);
    t.is(code, 0, err);
    const { load } = JSON.parse(out) as Report;
    return [load.how, load.meanings];
  };
  t.deepEqual(await how('--limit', '1000'), ['loaded', 1_000]);
  t.deepEqual(await how('--limit', '2500'), ['resumed', 2_500]);
  t.deepEqual(await how('--limit', '2500'), ['found', 2_500]);
  t.deepEqual(await how('--limit', '700', '--fresh'), ['loaded', 700]);
});

test('a branch that holds something else than was written to it is told, by the exit code too', async (t) => {
  const path = await temporaryFolder(t);
  const { db, marks } = await openLibrary(path);
  const value = { word: 'coppice', meaning: 'here before the branch makes it', synonyms: [], uses: 0 };
  await db.put('verb.change/coppice/01', value);
  await marks.put(MARK, { version: await installedVersion(), done: 1, total: 1 });
  await db.close();
  const { code, out, err } = await startTour(['--path', path]);
  t.is(code, 1, err);
  t.regex(out, /every byte the same[\s\S]+DIFFERENT from what was written/);
});

test('a database that another process has open is left alone, even by --fresh', async (t) => {
  const path = await temporaryFolder(t);
  await using db = await open(databaseFolder(path));
  await db.put('k', 'v');
  for (const args of [[], ['--fresh']]) {
    const { code, err } = await startTour(['--path', path, ...args]);
    t.is(code, 3);
    t.regex(err, /COPPICE_LOCKED/);
  }
  t.is(await db.get('k'), 'v');
});

test('only the files of a database are removed with it', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  const precious = join(path, 'precious.txt');
  await mkdir(path);
  await writeFile(precious, 'text');
  await removeDatabase(path);
  t.deepEqual(await readdir(path), ['precious.txt'], 'where there is no database');
  await rm(precious);
  const db = await open(path);
  await db.put('k', 'v');
  await db.flush();
  await db.close();
  await writeFile(precious, 'text');
  await removeDatabase(path);
  t.deepEqual(await readdir(path), ['precious.txt'], 'beside a database');
  await rm(precious);
  await (await open(path)).close();
  await removeDatabase(path);
  await t.throwsAsync(readdir(path), { code: 'ENOENT' });
});

test('a tour of a part of the dictionary says so before it asks', async (t) => {
  const path = await temporaryFolder(t);
  const { out } = await startTour(['--path', path, '--limit', '300'], (child) => {
    child.stdout?.on('data', (text: Buffer) => {
      if (text.includes('More than a map')) interrupt(child);
    });
  });
  t.regex(out, /Questions\n\s+Only 300 of 2\d\d,\d{3} meanings are loaded, /);
});

test('help names every option, and nothing is set up for it', async (t) => {
  const start = fileURLToPath(new URL('../../scripts/start.mjs', import.meta.url));
  // Copied to where there is nothing that could be set up.
  const copy = join(await temporaryFolder(t), 'start.mjs');
  await cp(start, copy);
  for (const flag of ['--help', '-h']) {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [copy, flag]);
    t.is(stderr, '');
    for (const option of Object.keys(parseOptions([]))) t.regex(stdout, new RegExp(`^  --${option} `, 'm'));
    t.true(stdout.includes(`(${parseOptions([]).path})`));
  }
});

test('a wrong argument is told', async (t) => {
  const wrong = await startTour(['--limit', 'x']);
  t.is(wrong.code, 2);
  t.is(wrong.out, '');
  t.regex(wrong.err, /--limit must be a whole number.*COPPICE_INVALID/);
});
