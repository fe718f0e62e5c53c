import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import test, { type ExecutionContext } from 'ava';
import { run } from '../../ts/cli/run.js';
import { open } from '../../ts/index.js';
import { coppice } from '../support/command.js';
import { temporaryFolder } from '../support/database.js';

const FIRST = '{"format":"coppice entries","version":1}';
const LAST = '{"format":"coppice entries","end":true}';
const lines = (...entries: string[]) => `${[FIRST, ...entries, LAST].join('\n')}\n`;

/** A folder with a database that holds some of everything. */
async function filled(t: ExecutionContext): Promise<{ top: string; path: string }> {
  const top = await temporaryFolder(t);
  const path = join(top, 'db');
  await coppice(['put', path, 'a', 'é "v"\n']);
  await coppice(['put', path, 'ff00', 'fe', '--hex']);
  await coppice(['put', path, 'k', 'inside', '--sublevel', 'users']);
  await using db = await open(path);
  await db.put('soon', 'gone', { expiresAt: new Date(Date.UTC(2100, 0)) });
  return { top, path };
}

test('what export prints import reads, and a second import changes nothing', async (t) => {
  const { top, path } = await filled(t);
  const { code, out, err } = await coppice(['export', path]);
  t.deepEqual([code, err], [0, '']);
  t.is(
    out,
    lines(
      '{"key":"!users!k","value":"inside"}',
      '{"key":"a","value":"é \\"v\\"\\n"}',
      '{"key":"soon","value":"gone","expiresAt":"2100-01-01T00:00:00.000Z"}',
      '{"keyBase64":"/wA=","valueBase64":"/g=="}',
    ),
  );
  const [copy, file] = [join(top, 'copy'), join(top, 'file')];
  t.is((await coppice(['export', path, '--out', file])).out, `4 entries are in ${file}\n`);
  t.is(await readFile(file, 'utf8'), out);
  const again = await coppice(['export', path, '--out', file, '--json']);
  t.deepEqual([again.code, (JSON.parse(again.err) as { code: string }).code], [3, 'COPPICE_EXISTS']);

  const counts = { entries: 4, written: 4, replaced: 0, unchanged: 0, expired: 0 };
  const imported = async (...args: string[]) =>
    JSON.parse((await coppice(['import', copy, ...args, '--json'], out)).out);
  t.deepEqual(await imported('--dry-run'), { ...counts, dryRun: true });
  t.is((await coppice(['count', copy])).code, 3, 'a dry run makes no database');
  t.deepEqual(await imported(), { ...counts, dryRun: false });
  t.is((await coppice(['diff', path, copy])).code, 1, 'nothing differs');
  const revision = (await coppice(['stats', copy, '--json'])).out;
  t.deepEqual(await imported(file), { ...counts, written: 0, unchanged: 4, dryRun: false });
  t.is((await coppice(['stats', copy, '--json'])).out, revision);
  await coppice(['put', copy, 'a', 'other']);
  t.deepEqual(await imported('--dry-run'), { ...counts, written: 1, replaced: 1, unchanged: 3, dryRun: true });
  t.is((await coppice(['get', copy, 'a'])).out, 'other\n');
  t.regex((await coppice(['import', copy, file])).out, /^4 entries: 1 were put, 1 of them over something else; 3 are/);
});

test('a range, a sublevel and a past moment are exported, and imported into a sublevel', async (t) => {
  const top = await temporaryFolder(t);
  const path = join(top, 'db');
  await coppice(['put', path, 'k', 'first', '--sublevel', 'users', '--history']);
  await coppice(['put', path, 'k', 'second', '--sublevel', 'users']);
  await coppice(['put', path, 'other', '1']);
  const { out } = await coppice(['export', path, '--sublevel', 'users', '--at', '2']);
  t.is(out, lines('{"key":"k","value":"first"}'));
  t.is((await coppice(['export', path, '--prefix', 'o'])).out, lines('{"key":"other","value":"1"}'));
  await coppice(['import', path, '--sublevel', 'people'], out);
  t.is((await coppice(['get', path, 'k', '--sublevel', 'people'])).out, 'first\n');
});

test('a branch in a store is exported without taking it, and filled', async (t) => {
  const { top, path } = await filled(t);
  const [store, disk] = [join(top, 'store'), join(top, 'disk')];
  const { out } = await coppice(['export', path]);
  const dry = await coppice(['import', disk, '--store', store, '--dry-run'], out);
  t.regex(dry.out, /^4 entries: 4 would be put/);
  t.is((await coppice(['status', store])).code, 1, 'a dry run makes no branch');
  t.is((await coppice(['import', disk, '--store', store], out)).code, 0);
  await using owner = await open(disk, { store, durability: 'remote' });
  t.is((await coppice(['export', store, '--store'])).out, out);
  await owner.put('z', '1');
  t.is(
    (await coppice(['export', store, '--store', '--branch', 'main', '--prefix', 'z'])).out,
    lines('{"key":"z","value":"1"}'),
  );
  const beside = await coppice(['import', join(top, 'elsewhere'), '--store', store, '--dry-run'], out);
  t.regex(beside.out, /^4 entries: 0 would be put, 0 of them over something else; 4 are there already/);
  t.is((await coppice(['export', store, '--store', '--branch', 'absent'])).code, 3);
  t.is((await coppice(['export', path, '--branch', 'main'])).code, 2);
});

test('what has expired meanwhile is left out, and counted', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  const input = lines('{"key":"a","value":"1","expiresAt":"2020-01-01T00:00:00.000Z"}', '{"key":"b","value":"2"}');
  t.regex((await coppice(['import', path], input)).out, /^2 entries: 1 were put, .* 1 have expired$/m);
  t.is((await coppice(['scan', path, '--keys'])).out, 'b\n');
});

const BROKEN: [string, RegExp][] = [
  ['{"key":"b"', /it is no JSON/],
  ['', /it is no JSON/],
  ['[]', /it is no object/],
  ['{"key":"b"}', /it needs value or valueBase64/],
  ['{"key":"b","keyBase64":"Yg==","value":"1"}', /it needs key or keyBase64/],
  ['{"keyBase64":"Yh==","value":"1"}', /keyBase64 is no base64/],
  ['{"keyBase64":"*","value":"1"}', /keyBase64 must be base64/],
  ['{"key":"\\ud800","value":"1"}', /key is no text/],
  ['{"key":"b","value":7}', /value is no text/],
  ['{"key":"b","value":"1","ttl":"1h"}', /nobody knows its field "ttl"/],
  ['{"key":"b","value":"1","expiresAt":"soon"}', /expiresAt is no time/],
  [`{"key":"${'k'.repeat(65_536)}","value":"1"}`, /key/],
  [FIRST, /it needs key/],
];

for (const [line, message] of BROKEN) {
  test(`a broken line is refused, and what is before it is in: ${line.slice(0, 60)}`, async (t) => {
    const path = join(await temporaryFolder(t), 'db');
    const input = lines('{"key":"a","value":"1"}', line, '{"key":"c","value":"3"}');
    const dry = await coppice(['import', path, '--dry-run'], input);
    t.true(dry.code >= 2);
    t.regex(dry.err, /line 3: /);
    const { code, out, err } = await coppice(['import', path], input);
    t.true(code >= 2);
    t.is(out, '');
    t.regex(err, message);
    t.regex(err, /line 3: .*; 1 entries are in/);
    t.is((await coppice(['scan', path])).out, 'a\t1\n');
  });
}

test('what is no export, of a later version, or cut off is refused', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  const refused = async (input: string) => (await coppice(['import', path], input)).err;
  t.regex(await refused('a,b\n'), /line 1: it is not \{"format".*COPPICE_FORMAT/);
  t.regex(await refused('{"key":"a","value":"1"}\n'), /line 1: .*COPPICE_FORMAT/);
  t.regex(await refused('{"format":"coppice entries","version":2}\n'), /version 2 is not known.*COPPICE_FORMAT/);
  t.regex(await refused(''), /line 1: the input ends before its last line/);
  t.regex(
    await refused(`${FIRST}\n{"key":"a","value":"1"}\n`),
    /line 3: .* cut off; 1 entries are in.*COPPICE_CORRUPT/,
  );
  t.regex(await refused(`${lines()}{"key":"a","value":"1"}\n`), /line 3: it comes after the last one/);
  t.regex((await coppice(['import', path, join(path, 'absent')])).err, /cannot read .*COPPICE_NOT_FOUND/);
  t.regex((await coppice(['import', path, path])).err, /cannot read .*COPPICE_IO/);
});

test('a reader that goes away ends an export without an error', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  const db = await open(path);
  for (let i = 0; i < 10; i++) await db.put(`key ${i}`, 'v'.repeat(1 << 20));
  await db.close();
  const stdout = new PassThrough({ highWaterMark: 1_000 });
  const running = run(['export', path], { stdin: Readable.from([]), stdout, stderr: new PassThrough() });
  stdout.once('data', () => stdout.destroy(Object.assign(new Error('gone'), { code: 'EPIPE' })));
  t.is(await running, 0);
});

test('what is more than a batch is told on the way, where somebody watches', async (t) => {
  const top = await temporaryFolder(t);
  const [path, file] = [join(top, 'db'), join(top, 'file')];
  const db = await open(path);
  for (let i = 0; i < 9; i++) await db.put(`key ${i}`, 'v'.repeat(1 << 20));
  await db.close();
  const unwatched = await coppice(['export', path, '--out', file]);
  t.is(unwatched.err, '');
  const streams = { stdin: Readable.from([]), stdout: new PassThrough(), stderr: new PassThrough() };
  const told = text(streams.stderr);
  t.is(
    await run(['import', join(top, 'copy'), file], {
      ...streams,
      stderr: Object.assign(streams.stderr, { isTTY: true }),
    }),
    0,
  );
  streams.stderr.end();
  t.regex(await told, /import \[#{10,20}\.+\] \d\d%.*import \[#{30}\] 100%/s);
});
