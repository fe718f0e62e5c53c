/** Electron lets no addon lend memory to JavaScript. The tests of what hands values over pass in a Node that does not either. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type TestFn } from 'ava';

const root = fileURLToPath(new URL('../..', import.meta.url));
const FILES = ['{batch,database,large,range,snapshot}.test.ts', 'native/*.test.ts'];

const folder = mkdtempSync(join(tmpdir(), 'coppice-shim-'));
test.after.always(() => rmSync(folder, { recursive: true, force: true }));

const shim = join(folder, 'shim.so');
const missing = makeShim();
const testWithShim: TestFn = missing === undefined ? test : (test.skip as unknown as TestFn);

/** Why it cannot be made; nothing if it was. */
function makeShim(): string | undefined {
  if (process.platform !== 'linux') return `the shim is for Linux, and this is ${process.platform}`;
  const source = fileURLToPath(new URL('shim.c', import.meta.url));
  const parameters = ['-shared', '-fPIC', '-Wall', '-Wextra', '-Werror', source, '-o', shim, '-ldl'];
  const { status, error, stderr } = spawnSync('cc', parameters, { encoding: 'utf8' });
  if (error !== undefined) return 'there is no C compiler';
  // Only glibc has what the shim needs to find what it stands before.
  return status === 0 ? undefined : `cc: ${stderr.split('\n', 1)[0]}`;
}

testWithShim(
  `the tests pass where no memory is lent to JavaScript${missing === undefined ? '' : `: ${missing}`}`,
  (t) => {
    t.timeout(300_000);
    const refusals = join(folder, 'refusals');
    const env = { ...process.env, LD_PRELOAD: shim, COPPICE_REFUSALS: refusals };
    const parameters = ['node_modules/ava/entrypoints/cli.mjs', '--tap', ...FILES.map((file) => `__test__/${file}`)];
    const { stdout } = spawnSync(process.execPath, parameters, { cwd: root, env, encoding: 'utf8' });
    t.deepEqual(stdout.match(/^not ok .*/gm), null);
    const passed = stdout.match(/^ok /gm)?.length ?? 0;
    const refused = statSync(refusals).size;
    t.log(`${passed} tests passed, ${refused} buffers were refused`);
    t.true(passed > 50);
    t.true(refused > 0, 'the shim was asked');
  },
);
