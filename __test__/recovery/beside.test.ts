/** Reading beside a process that writes. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { CoppiceError, open } from '../../ts/index.js';
import { temporaryFolder } from '../support/database.js';
import { runProgram } from '../support/program.js';

const BUSY = fileURLToPath(new URL('../support/busy.mjs', import.meta.url));

/**
 * A process that commits a counter and three copies of it as fast as it can, flushing and merging all the time. It
 * prints every count that is acknowledged.
 */
function startWriter(t: ExecutionContext, path: string): { child: ChildProcess; acknowledged: () => number } {
  const program = `
    import { open } from ${JSON.stringify(BUSY)};
    const db = await open(${JSON.stringify(path)}, { durability: 'process', memoryBytes: 16 << 20, memtableBytes: 1 << 20 });
    const pad = 'x'.repeat(200);
    let ended = false;
    process.once('SIGTERM', () => { ended = true; });
    const merge = async () => { while (!ended) { await db.compact(); await new Promise((done) => setTimeout(done, 20)); } };
    const merging = merge();
    for (let n = 1; !ended; n++) {
      const value = String(n);
      const copies = ['a', 'b', 'm', 'z', 'pad' + (n % 20000)].map((key) => ({ type: 'put', key, value: key[0] === 'p' ? value + pad : value }));
      await db.batch(copies);
      if (n % 50 === 0) console.log(n);
    }
    await merging;
    await db.close();`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  let last = 0;
  createInterface({ input: child.stdout }).on('line', (line) => {
    last = Number(line);
  });
  return { child, acknowledged: () => last };
}

test('a hundred opens beside a process that writes see whole commits, and every one that was acknowledged', async (t) => {
  t.timeout(180_000);
  const path = join(await temporaryFolder(t), 'db');
  const { child, acknowledged } = startWriter(t, path);
  while (acknowledged() === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  let last = 0;
  let opens = 0;
  while (opens < 100) {
    const before = acknowledged();
    try {
      await using db = await open(path, { readOnly: true });
      const found = (await db.getMany(['a', 'b', 'm', 'z'])).map(Number);
      t.true(
        found.every((n) => n === found[0]),
        `open ${opens} finds ${found}`,
      );
      t.true(
        (found[0] as number) >= Math.max(before, last),
        `open ${opens} finds ${found}, ${before} were acknowledged`,
      );
      last = found[0] as number;
      opens++;
    } catch (error) {
      if (!(error instanceof CoppiceError && error.code === 'COPPICE_BUSY')) throw error;
    }
  }
  const old = await open(path, { readOnly: true });
  const before = await old.get('a');
  const seen = await old.count();
  const grown = acknowledged() + 2_000;
  while (acknowledged() < grown) await new Promise((resolve) => setTimeout(resolve, 10));
  t.deepEqual([await old.get('a'), await old.count()], [before, seen], 'what is open does not change');
  t.true((await old.verify()).ok);
  await old.close();
  child.kill('SIGTERM');
  const [code] = await once(child, 'exit');
  t.is(code, 0);
  await using db = await open(path);
  t.true((await db.verify()).ok);
  t.log(`${last} commits by another process meanwhile`);
});

test('in the process that writes a read-only open sees the present and stays there', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  await using writer = await open(path, { durability: 'process' });
  await writer.put('a', '1');
  await using first = await open(path, { readOnly: true });
  await writer.put('a', '2');
  await using second = await open(path, { readOnly: true });
  t.deepEqual([await first.get('a'), await second.get('a'), await writer.get('a')], ['1', '2', '2']);
});

test('a reader keeps no writer out', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  await (await open(path)).close();
  await using reader = await open(path, { readOnly: true });
  const ended = await runProgram(path, "const db = await open(path); await db.put('a', '1'); await db.close();");
  t.is(ended.code, 0, ended.output);
  t.is(await reader.get('a'), undefined);
});
