/** The set-up, in a folder where `npm` and `cargo` are programs that only say that they are. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, cp, mkdir, readdir, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { temporaryFolder } from '../support/database.js';

/** Runs the set-up, whose `npm` runs these lines of JavaScript; `heard` gets each line and the process. */
async function ready(t: ExecutionContext, npm: string, heard?: (line: string, interrupt: () => void) => void) {
  const root = await temporaryFolder(t);
  const programs = join(root, 'programs');
  await mkdir(programs);
  for (const [name, script] of [
    ['npm', npm],
    ['cargo', 'console.log("cargo 1.99.0")'],
  ] as const) {
    await writeFile(join(programs, name), `#!${process.execPath}\n${script}\n`);
    await chmod(join(programs, name), 0o755);
  }
  await cp(fileURLToPath(new URL('../../scripts/ready.mjs', import.meta.url)), join(root, 'scripts', 'ready.mjs'));
  await writeFile(join(root, 'package-lock.json'), '{}');
  const child = spawn(process.execPath, [join(root, 'scripts', 'ready.mjs')], {
    // A group of its own, as a terminal gives it: Ctrl-C goes to all of them.
    detached: true,
    env: { ...process.env, PATH: programs + delimiter + process.env.PATH },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const closed = once(child, 'close');
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stderr })) {
    lines.push(line);
    heard?.(line, () => process.kill(-(child.pid as number), 'SIGINT'));
  }
  const [code] = (await closed) as [number];
  return { code, lines, stamps: await readdir(join(root, '.cache', 'ready')) };
}

if (process.platform !== 'win32') {
  test('a set-up that is stopped by Ctrl-C says at what, and makes that again', async (t) => {
    const { code, lines, stamps } = await ready(
      t,
      'console.error("fetching"); setTimeout(() => {}, 60_000)',
      (line, interrupt) => {
        if (line === 'fetching') interrupt();
      },
    );
    t.is(code, 130);
    t.deepEqual(lines, [
      'ready: packages: being made ...',
      'fetching',
      'ready: packages: stopped; the next run goes on with this step',
    ]);
    t.deepEqual(stamps, []);
  });

  test('a step that fails ends the set-up with what failed, and one that succeeds is not made again', async (t) => {
    const failed = await ready(t, 'process.exit(7)');
    t.is(failed.code, 1);
    t.regex(failed.lines.at(-1) as string, /^ready: npm ci .* failed \(exit 7\)$/);
    t.deepEqual(failed.stamps, []);
    const made = await ready(t, 'require("node:fs").mkdirSync("node_modules")');
    t.deepEqual([made.code, made.stamps], [0, ['packages']]);
  });
}
