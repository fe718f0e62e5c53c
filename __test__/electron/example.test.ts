/** The example of `docs/electron`: in Electron where there is one, and in a stand-in for it everywhere. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext, type TestFn } from 'ava';
import { open } from '../../ts/index.js';
import { temporaryFolder } from '../support/database.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const SEEN = 'seen: {"seen":{"note/large":1000000,"note/smoke":4},"refused":';

/** The example with its packages in a folder of its own; `electron` is the folder of that package. */
async function installed(t: ExecutionContext, electron?: string): Promise<string> {
  const folder = await temporaryFolder(t);
  await cp(join(root, 'docs/electron'), folder, { recursive: true });
  await cp(fileURLToPath(new URL('smoke.mjs', import.meta.url)), join(folder, 'smoke.mjs'));
  const manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as object;
  await writeFile(join(folder, 'package.json'), JSON.stringify({ ...manifest, main: 'smoke.mjs' }));
  await mkdir(join(folder, 'node_modules'));
  await symlink(root, join(folder, 'node_modules/coppice'), 'junction');
  if (electron !== undefined) await cp(electron, join(folder, 'node_modules/electron'), { recursive: true });
  return folder;
}

async function run(program: string, parameters: string[], cwd: string, env: Record<string, string> = {}) {
  const child = spawn(program, parameters, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'close')]);
  return { output, code: code as number };
}

function inStandIn(folder: string, env: Record<string, string> = {}) {
  return run(process.execPath, ['smoke.mjs'], folder, { STAND_IN_USER_DATA: folder, ...env });
}

const standIn = fileURLToPath(new URL('stand-in', import.meta.url));

test('the page keeps a note and reads it back, and the database is closed when the program ends', async (t) => {
  const folder = await installed(t, standIn);
  const { output, code } = await inStandIn(folder);
  t.true(output.startsWith(SEEN), output);
  t.regex(output, /Error invoking remote method 'put'.*key/);
  t.is(code, 0);
  const events: unknown[] = [];
  const db = await open(join(folder, 'notes'), { valueEncoding: 'json' });
  db.on('recovered', (event) => events.push(event));
  t.deepEqual(await db.entries().toArray(), [['note/smoke', { text: 'kept' }]]);
  await db.close();
  t.deepEqual(events, [], 'it was closed, not cut off');
});

test('a second instance ends by itself, and a folder that another program has open is told', async (t) => {
  const folder = await installed(t, standIn);
  t.deepEqual(await inStandIn(folder, { STAND_IN_SECOND: '1' }), { output: '', code: 0 });
  const db = await open(join(folder, 'notes'), { valueEncoding: 'json' });
  const { output, code } = await inStandIn(folder);
  await db.close();
  t.regex(output, /^The notes cannot be opened: the database is open elsewhere.*\(COPPICE_LOCKED\)\n$/);
  t.is(code, 1);
});

const local = join(root, 'node_modules/.bin/electron');
const electron = process.env.ELECTRON ?? (existsSync(local) ? local : undefined);
const testWithElectron: TestFn = electron === undefined ? (test.skip as unknown as TestFn) : test;
const reason = 'there is none: ELECTRON names its program, or node_modules has it';

testWithElectron(`the same in Electron${electron === undefined ? `: ${reason}` : ''}`, async (t) => {
  const folder = await installed(t);
  // A display is not always there, nor root without a sandbox.
  const options = ['--no-sandbox', '--headless', '--disable-gpu', `--user-data-dir=${folder}/user`];
  const { output, code } = await run(electron as string, [...options, '.'], folder);
  t.true(output.includes(SEEN), output);
  t.is(code, 0);
});
