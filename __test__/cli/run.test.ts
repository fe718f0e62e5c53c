import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { run } from '../../ts/cli/run.js';
import { open, type Stats } from '../../ts/index.js';
import { coppice } from '../support/command.js';
import { fill, temporaryFolder } from '../support/database.js';

/** The path of a database that holds some letters. */
async function letters(t: ExecutionContext): Promise<string> {
  const path = join(await temporaryFolder(t), 'db');
  await using db = await open(path);
  await fill(db, ['a', 'b', 'c']);
  return path;
}

test('put creates a database and get prints what was put', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  t.deepEqual(await coppice(['put', path, 'k', 'é v']), { code: 0, out: '', err: '' });
  t.deepEqual(await coppice(['get', path, 'k']), { code: 0, out: 'é v\n', err: '' });
  t.deepEqual(await coppice(['get', path, 'k', '--raw']), { code: 0, out: 'é v', err: '' });
  t.deepEqual(JSON.parse((await coppice(['get', path, 'k', '--json'])).out), { key: 'k', value: 'é v', revision: 2 });
});

test('put takes its value from the input when none is given', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  await coppice(['put', path, 'k'], 'piped\n');
  t.is((await coppice(['get', path, 'k', '--raw'])).out, 'piped\n');
  await coppice(['put', path, '6b', '--hex'], '00ff\n');
  t.is((await coppice(['get', path, '6b', '--hex'])).out, '00ff\n');
});

test('get of a key that has no value ends with 1', async (t) => {
  const path = await letters(t);
  t.deepEqual(await coppice(['get', path, 'x']), { code: 1, out: '', err: 'there is no key "x"\n' });
  const { code, out, err } = await coppice(['get', path, 'x', '--json']);
  t.deepEqual([code, out, (JSON.parse(err) as { code: string }).code], [1, '', 'COPPICE_NOT_FOUND']);
});

test('put with a ttl tells when the key expires', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  t.is((await coppice(['put', path, 'k', 'v', '--ttl', '1h'])).code, 0);
  const { expiresAt } = JSON.parse((await coppice(['get', path, 'k', '--json'])).out) as { expiresAt: string };
  t.true(new Date(expiresAt).getTime() > Date.now() + 3_000_000);
  const refused = await coppice(['put', path, 'k', 'v', '--ttl', 'soon']);
  t.is(refused.code, 2);
  t.regex(refused.err, /ttl must be/);
});

test('del removes keys in one commit', async (t) => {
  const path = await letters(t);
  t.deepEqual(JSON.parse((await coppice(['del', path, 'a', 'b', 'x', '--json'])).out), { revision: 3 });
  t.is((await coppice(['scan', path, '--keys'])).out, 'c\n');
});

test('del removes a range of keys, alone or with others, and asks for one or the other', async (t) => {
  const path = await letters(t);
  t.deepEqual(JSON.parse((await coppice(['del', path, 'a', '--gte', 'c', '--json'])).out), { revision: 3 });
  t.is((await coppice(['scan', path, '--keys'])).out, 'b\n');
  const { code, err } = await coppice(['del', path]);
  t.is(code, 2);
  t.regex(err, /del needs KEY, or a range/);
  t.is((await coppice(['del', path, '--prefix', ''])).code, 0);
  t.is((await coppice(['count', path])).out, '0\n');
});

test('scan prints a range in order', async (t) => {
  const path = await letters(t);
  t.is((await coppice(['scan', path])).out, 'a\tA\nb\tB\nc\tC\n');
  t.is((await coppice(['scan', path, '--reverse', '--limit', '2'])).out, 'c\tC\nb\tB\n');
  t.is((await coppice(['scan', path, '--keys', '--gt', 'a', '--lte', 'c'])).out, 'b\nc\n');
  t.is((await coppice(['scan', path, '--prefix', 'b', '--json'])).out, '{"key":"b","value":"B","revision":2}\n');
  t.is((await coppice(['scan', path, '--keys', '--hex', '--gte', '62'])).out, '62\n63\n');
  t.is((await coppice(['scan', path, '--base64', '--limit=1'])).out, 'YQ==\tQQ==\n');
});

test('count counts a range', async (t) => {
  const path = await letters(t);
  t.is((await coppice(['count', path])).out, '3\n');
  t.is((await coppice(['count', path, '--gt', 'a', '--json'])).out, '{"count":2}\n');
});

test('stats prints figures for people, programs and Prometheus', async (t) => {
  const path = await letters(t);
  t.regex((await coppice(['stats', path])).out, /^keys \(estimate\) +3$/m);
  t.regex(
    (await coppice(['stats', path])).out,
    /^level +tables +bytes +entries +deletes +of ranges\n[0-6] +1 +\d+ B +3 +0 +0$/m,
  );
  t.is((JSON.parse((await coppice(['stats', path, '--json'])).out) as { keysEstimate: number }).keysEstimate, 3);
  t.regex((await coppice(['stats', path, '--metrics'])).out, /^coppice_revision\{db=".*"\} 2$/m);
});

test('stats leaves out what only the process that writes can count', async (t) => {
  const path = await letters(t);
  await using db = await open(path);
  await db.put('d', 'D');
  t.notRegex((await coppice(['stats', path])).out, /commits|cache|amplification|stall/);
  const { revision, memtableBytes, commits } = JSON.parse((await coppice(['stats', path, '--json'])).out) as Stats;
  t.deepEqual([revision, memtableBytes > 0, commits as unknown], [3, true, undefined]);
  const metrics = (await coppice(['stats', path, '--metrics'])).out;
  t.notRegex(metrics, /counter|cache|written_revision/);
  for (const name of ['keys_estimate', 'disk_bytes', 'level_files', 'blob_bytes', 'revision']) {
    t.regex(metrics, new RegExp(`^# HELP coppice_${name} .*\n# TYPE coppice_${name} gauge\ncoppice_${name}\\{`, 'm'));
  }
});

test('verify says that a sound database is sound', async (t) => {
  const path = await letters(t);
  t.regex((await coppice(['verify', path])).out, /^checked \d+ bytes: all is well\n$/);
  const { code, out } = await coppice(['verify', path, '--json']);
  t.is(code, 0);
  t.true((JSON.parse(out) as { ok: boolean }).ok);
});

test('verify lists damage that keeps a database shut, as it does any other', async (t) => {
  const path = await letters(t);
  await writeFile(join(path, 'CURRENT'), 'coppice 1 000009.manifest 00000000\n');
  const { code, out } = await coppice(['verify', path, '--json']);
  t.is(code, 1);
  const { ok, problems } = JSON.parse(out) as { ok: boolean; problems: { file: string }[] };
  t.false(ok);
  t.is(problems[0]?.file, join(path, 'CURRENT'));
  const plain = await coppice(['verify', path]);
  t.regex(plain.out, /problems: 1 \(coppice repair/);
  t.is(plain.out.split(join(path, 'CURRENT')).length, 2, 'the place is told once');
});

test('checkpoint makes a copy that opens, and refuses a folder that is not empty', async (t) => {
  const path = await letters(t);
  const to = join(await temporaryFolder(t), 'copy');
  t.regex((await coppice(['checkpoint', path, to])).out, /^revision 2, \d+ bytes, in /);
  t.is((await coppice(['count', to])).out, '3\n');
  const { code, err } = await coppice(['checkpoint', path, to, '--json']);
  t.is(code, 3);
  t.is((JSON.parse(err) as { code: string }).code, 'COPPICE_EXISTS');
});

for (const command of ['get', 'scan', 'count', 'stats', 'verify', 'del', 'checkpoint', 'backup', 'repair']) {
  test(`${command} never creates a database`, async (t) => {
    const path = join(await temporaryFolder(t), 'absent');
    const more: Record<string, string[]> = {
      get: ['k'],
      del: ['k'],
      checkpoint: [`${path}-copy`],
      backup: [`${path}-copy`],
      repair: [`${path}-copy`],
    };
    const { code, err } = await coppice([command, path, ...(more[command] ?? [])]);
    t.is(code, 3);
    t.regex(err, /^coppice: .* \(COPPICE_NOT_FOUND\)\n$/);
  });
}

test('a sublevel is read and written by its name, and what is in it has its name before', async (t) => {
  const path = await letters(t);
  const inside = ['--sublevel', 'outer', '--sublevel', 'inner'];
  await coppice(['put', path, 'k', 'v', ...inside]);
  await coppice(['put', path, 'l', 'w', ...inside]);
  t.is((await coppice(['get', path, 'k', ...inside])).out, 'v\n');
  t.is((await coppice(['scan', path, '--reverse', ...inside])).out, 'l\tw\nk\tv\n');
  t.is((await coppice(['scan', path, '--prefix', '!outer!'])).out, '!outer!!inner!k\tv\n!outer!!inner!l\tw\n');
  t.is((await coppice(['count', path, '--sublevel', 'outer'])).out, '2\n');
  await coppice(['del', path, 'k', ...inside]);
  t.is((await coppice(['scan', path, '--keys', ...inside])).out, 'l\n');
  t.is((await coppice(['count', path, '--sublevel', 'a!b'])).code, 2);
});

test('an input that no value can hold is refused before it fills the memory', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  const chunk = Buffer.alloc(8 << 20);
  const endless = Readable.from(
    (function* () {
      for (;;) yield chunk;
    })(),
  );
  const stderr = new PassThrough();
  const told = text(stderr);
  t.is(await run(['put', path, 'k'], { stdin: endless, stdout: new PassThrough(), stderr }), 3);
  stderr.end();
  t.regex(await told, /COPPICE_TOO_LARGE/);
});

test('while one process has a database open, another that would write is told which', async (t) => {
  const path = await letters(t);
  const main = fileURLToPath(new URL('../../ts/cli/main.ts', import.meta.url));
  await using db = await open(path);
  const { code, stdout, stderr } = await promisify(execFile)(process.execPath, [
    '--import=tsx',
    main,
    'put',
    path,
    'a',
    'B',
  ])
    .then(({ stdout, stderr }) => ({ code: 0, stdout, stderr }))
    .catch((error: { code: number; stdout: string; stderr: string }) => error);
  t.is(code, 3, stdout);
  t.regex(stderr, new RegExp(`process ${process.pid} .*: close it there first.*COPPICE_LOCKED`));
  t.is(await db.get('a'), 'A');
  // Reading is not writing.
  t.is((await coppice(['get', path, 'a'])).out, 'A\n');
  t.regex((await coppice(['verify', path])).out, /all is well/);
});

test('stats --watch prints what changes, until it is interrupted', async (t) => {
  const path = await letters(t);
  const main = fileURLToPath(new URL('../../ts/cli/main.ts', import.meta.url));
  for (const json of [false, true]) {
    const parameters = ['--import=tsx', main, 'stats', path, '--watch', '0.1', ...(json ? ['--json'] : [])];
    const child = spawn(process.execPath, parameters, { stdio: ['ignore', 'pipe', 'pipe'] });
    await using db = await open(path, { durability: 'process' });
    const lines: string[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      lines.push(line);
      await db.put(`k${lines.length}`, 'v');
      if (lines.length === 4) child.kill('SIGINT');
    }
    t.is(child.exitCode ?? (await once(child, 'exit'))[0], 0, await text(child.stderr));
    if (json) {
      const ticks = lines.map(
        (line) => JSON.parse(line) as { revision: number; perSecond: { commits: number } | null },
      );
      t.is(ticks[0]?.perSecond, null);
      t.true(ticks.slice(1).some((tick) => (tick.perSecond?.commits ?? 0) > 0));
    } else {
      t.regex(lines[0] as string, /time +keys +commits\/s/);
      t.is(lines[0]?.length, lines[1]?.length);
    }
  }
});

test('backup brings a copy up to date beside a writer, and says what it copied', async (t) => {
  const path = await letters(t);
  const to = `${path}-backup`;
  await using db = await open(path);
  await db.put('d', 'D');
  t.regex((await coppice(['backup', path, to])).out, /^revision 3: .* in \d+ tables in .*; copied .*\n$/);
  await db.flush();
  const again = JSON.parse((await coppice(['backup', path, to, '--json'])).out) as { tables: number };
  t.true(again.tables > 0);
  t.is((await coppice(['count', to])).out, '4\n');
});

test('repair makes a database of what is readable, and ends with 1 if something was not', async (t) => {
  const path = await letters(t);
  t.deepEqual((await coppice(['repair', path, `${path}-whole`])).code, 0);
  await rm(join(path, 'CURRENT'));
  const shut = await coppice(['count', path]);
  t.is(shut.code, 3);
  t.regex(shut.err, /"coppice repair" copies what is readable \(COPPICE_CORRUPT\)\n$/);
  const { code, out } = await coppice(['repair', relative('.', path), `${path}-rescued`]);
  t.is(code, 1);
  t.true(out.startsWith(`lost: ${join(path, 'CURRENT')} at 0: `), out);
  t.regex(out, /^note: CURRENT could not be read/m);
  t.regex(out, /^3 keys up to revision 2, .* in .*-rescued$/m);
  t.is((await coppice(['scan', `${path}-rescued`])).out, 'a\tA\nb\tB\nc\tC\n');
  const json = await coppice(['repair', path, `${path}-again`, '--json']);
  t.is((JSON.parse(json.out) as { complete: boolean }).complete, false);
});

test('bytes that are not UTF-8 are not shown as if they were', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  await coppice(['put', path, '6b', 'ff', '--hex']);
  const { code, out, err } = await coppice(['get', path, 'k']);
  t.is(code, 3);
  t.is(out, '');
  t.regex(err, /not UTF-8: add --hex or --base64/);
});

const WRONG: [string[], RegExp][] = [
  [['gett', 'x'], /there is no command "gett" \(did you mean "get"\?\): coppice --help/],
  [['list', 'x'], /there is no command "list": coppice --help/],
  [['get'], /get needs PATH/],
  [['get', 'x'], /get needs KEY/],
  [['get', 'x', 'k', 'extra'], /get does not take "extra"/],
  [['get', 'x', 'k', '--jsno'], /unknown option '--jsno': coppice get --help/],
  [['get', 'x', 'k', '--json=yes'], /option '--json' does not take an argument: coppice get --help/],
  [['get', 'x', 'zz', '--hex'], /KEY must be pairs of hexadecimal digits/],
  [['get', 'x', '*', '--base64'], /KEY must be base64/],
  [['get', 'x', 'aa', '--hex', '--base64'], /not both/],
  [['get', 'x', 'k', '--raw', '--json'], /--raw or --json, not both/],
  [['stats', 'x', '--metrics', '--json'], /--metrics or --json, not both/],
  [['scan', 'x', '--limit', 'many'], /--limit must be a whole number/],
  [['scan', 'x', '--limit'], /option '--limit <value>' argument missing: coppice scan --help/],
  [['scan', 'x', '--limit', '-1'], /option '--limit' argument is ambiguous: coppice scan --help/],
  [['scan', 'x', '--limit=-1'], /--limit must be a whole number/],
  [['help', 'gett'], /there is no command "gett"/],
  [['del'], /del needs PATH/],
  [['stats', 'x', '5'], /stats takes "5" only with --watch/],
  [['stats', 'x', 'often', '--watch'], /--watch takes seconds, 0.1 to 86400, not "often"/],
  [['repair', 'x'], /repair needs TO/],
  [
    ['restore', 'x', 'y', '--time', 'yesterday'],
    /--time must be a time as 2026-01-31T12:00:00Z, or how long ago as 24h/,
  ],
];

for (const [args, message] of WRONG) {
  test(`a wrong call is told: coppice ${args.join(' ')}`, async (t) => {
    const { code, out, err } = await coppice(args);
    t.is(code, 2);
    t.is(out, '');
    t.regex(err, message);
  });
}

test('help names every command, and each command explains itself', async (t) => {
  const { code, out } = await coppice(['--help']);
  t.is(code, 0);
  for (const name of ['get', 'put', 'del', 'scan', 'count', 'stats', 'verify', 'checkpoint', 'backup', 'repair']) {
    t.regex(out, new RegExp(`^  ${name} (PATH|FROM) `, 'm'));
    const manual = await coppice([name, '--help']);
    t.is(manual.code, 0);
    t.regex(manual.out, /--json/);
    t.is((await coppice(['help', name])).out, manual.out);
  }
  t.is((await coppice([])).code, 2);
  t.regex((await coppice(['--version'])).out, /^\d+\.\d+\.\d+\n$/);
});

test('arguments after two dashes are never flags', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  await coppice(['put', path, '--', '--json', '-v']);
  t.is((await coppice(['get', path, '--', '--json'])).out, '-v\n');
});

test('a reader that goes away ends a scan without an error', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  const db = await open(path);
  await fill(
    db,
    Array.from({ length: 20_000 }, (_, i) => `key ${i}`),
  );
  await db.close();
  const stdout = new PassThrough({ highWaterMark: 1_000 });
  const stderr = new PassThrough();
  const running = run(['scan', path], { stdin: Readable.from([]), stdout, stderr });
  stdout.once('data', () => stdout.destroy(Object.assign(new Error('gone'), { code: 'EPIPE' })));
  t.is(await running, 0);
});

test('a diff shows what differs between two revisions, and between two folders', async (t) => {
  const top = await temporaryFolder(t);
  const [path, copy] = [join(top, 'db'), join(top, 'copy')];
  await coppice(['put', path, 'a', 'first', '--history']);
  await coppice(['put', path, 'b', 'here']);
  await coppice(['checkpoint', path, copy]);
  await coppice(['put', path, 'a', 'second']);
  await coppice(['del', path, 'b']);
  await coppice(['put', path, 'c', 'new']);
  const all = '~ a\tfirst\tsecond\n- b\there\n+ c\tnew\n';
  t.deepEqual(await coppice(['diff', path, '--from', '3']), { code: 0, out: all, err: '' });
  t.deepEqual(await coppice(['diff', copy, path]), { code: 0, out: all, err: '' });
  t.is((await coppice(['diff', path, '--from', '3', '--to', '4', '--prefix', 'a'])).out, '~ a\tfirst\tsecond\n');
  t.deepEqual(JSON.parse((await coppice(['diff', path, '--from', '3', '--gte', 'c', '--json'])).out), {
    key: 'c',
    after: { value: 'new', revision: 6, createRevision: 6, version: 1 },
  });
  t.deepEqual(await coppice(['diff', copy, copy]), { code: 1, out: '', err: '' });
  t.is((await coppice(['diff', path])).code, 2);
  t.is((await coppice(['diff', path, copy, '--to', '3'])).code, 2);
  t.is((await coppice(['diff', path, '--from', '99'])).code, 3);
});

test('the past of a database with history is read, listed and trimmed', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  await coppice(['put', path, 'k', 'first', '--history']);
  await coppice(['put', path, 'k', 'second']);
  await coppice(['del', path, 'k']);
  await coppice(['put', path, 'other', 'x']);
  t.is((await coppice(['get', path, 'k', '--at', '2'])).out, 'first\n');
  t.is((await coppice(['get', path, 'k', '--at', '4'])).code, 1);
  t.is((await coppice(['scan', path, '--at', '3'])).out, 'k\tsecond\n');
  t.is((await coppice(['count', path, '--at', '4'])).out, '0\n');
  t.is((await coppice(['history', path, 'k'])).out, '4\t-\tdeleted\n3\t2\tsecond\n2\t1\tfirst\n');
  t.is((await coppice(['history', path, 'k', '--to', '2', '--limit', '1'])).out, '2\t1\tfirst\n');
  t.deepEqual(JSON.parse((await coppice(['history', path, 'k', '--limit', '1', '--json'])).out), {
    type: 'del',
    key: 'k',
    revision: 4,
  });
  t.deepEqual(await coppice(['trim', path, '3', '--json']), { code: 0, out: '{"trimRevision":3}\n', err: '' });
  const refused = await coppice(['get', path, 'k', '--at', '2']);
  t.is(refused.code, 3);
  t.regex(refused.err, /oldest that can be read is 3.*COPPICE_COMPACTED/);
  t.regex((await coppice(['stats', path])).out, /trimmed to revision +3/);
  t.is((await coppice(['history', path, 'nothing'])).code, 1);
  t.is((await coppice(['get', path, 'k', '--at', 'noon'])).code, 2);
  const plain = await letters(t);
  t.is((await coppice(['trim', plain, '2'])).code, 3);
});
