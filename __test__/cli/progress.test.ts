/** What takes long says how far it is, to a terminal and nobody else. */

import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import test from 'ava';
import { run } from '../../ts/cli/run.js';
import { Terminal } from '../../ts/cli/terminal.js';
import { open } from '../../ts/index.js';
import { coppice } from '../support/command.js';
import { temporaryFolder } from '../support/database.js';

/** Runs a command before a terminal; answers what that shows beside the output. */
async function watched(args: string[]): Promise<string> {
  const stderr = Object.assign(new PassThrough(), { isTTY: true });
  const shown = text(stderr);
  await run(args, { stdin: Readable.from([]), stdout: new PassThrough(), stderr });
  stderr.end();
  return shown;
}

test('what takes long is shown on a terminal, and the line goes afterwards', async (t) => {
  const top = await temporaryFolder(t);
  const [store, disk, lines] = [join(top, 'store'), join(top, 'disk'), join(top, 'lines')];
  const db = await open(disk, { store, durability: 'remote' });
  for (let i = 0; i < 8; i++) await db.put(`key ${i}`, 'v'.repeat(1 << 20));
  await db.checkpoint();
  const branch = await db.branch('idea');
  await branch.batch(Array.from({ length: 2_500 }, (_, i) => ({ type: 'put', key: `new ${i}`, value: 'v' })));
  await branch.close();
  await db.close();
  const calls: [phase: RegExp, ...args: string[]][] = [
    [/verify \[/, 'verify', disk],
    [/verify \[/, 'verify', store, '--store'],
    [/compare \[/, 'verify', store, '--store', '--replay'],
    [/backup \[/, 'backup', disk, join(top, 'backup')],
    [/tables \[/, 'restore', store, join(top, 'copy')],
    [/export 1 keys|export \d keys/, 'export', disk, '--out', lines],
    [/import \[/, 'import', join(top, 'imported'), lines],
    [/merge 2,000 keys/, 'merge', disk, 'idea', '--store', store, '--dry-run'],
    [/merge 2,000 keys/, 'merge', disk, 'idea', '--store', store],
  ];
  for (const [phase, ...args] of calls) {
    const shown = await watched(args);
    t.regex(shown, phase, args.join(' '));
    t.true(shown.endsWith('\r\u001b[K'), args.join(' '));
  }
  t.is((await coppice(['restore', store, join(top, 'unwatched')])).err, '');
});

test('where nobody knows how much there is, it is counted', (t) => {
  const [stdin, stdout] = [new PassThrough(), new PassThrough()];
  const stderr = Object.assign(new PassThrough(), { isTTY: true });
  const terminal = new Terminal({ stdin, stdout, stderr });
  terminal.progress({ phase: 'import', done: 12_345, total: 0, unit: 'keys' });
  terminal.progress({ phase: 'import', done: 3 << 20, total: 0, unit: 'bytes' });
  terminal.progress({ phase: 'import', done: 1, total: 2, unit: 'keys' });
  terminal.endProgress();
  terminal.endProgress();
  const bar = '#'.repeat(15) + '.'.repeat(15);
  const shown = ['import 12,345 keys', 'import 3.0 MiB', `import [${bar}] 50%`, ''];
  t.is(stderr.read()?.toString(), shown.map((line) => `\r\u001b[K${line}`).join(''));
});
