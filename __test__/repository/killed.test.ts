/** Databases in a store whose processes are killed at any moment, and whose disks are lost or not. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { open } from '../../ts/index.js';
import { temporaryFolder } from '../support/database.js';
import { seedOfRun, splitMix32 } from '../support/random.js';

const WRITER = fileURLToPath(new URL('killed/writer.ts', import.meta.url));
const KILLS = Number(process.env.COPPICE_ROUNDS ?? 8);

test('what was told to be stored is there after kills and lost disks, and in the order in which it was written', async (t) => {
  const seed = seedOfRun();
  const random = splitMix32(seed);
  const top = await temporaryFolder(t);
  const store = join(top, 'store');
  const told: string[] = [];
  let disksLost = 0;
  for (let n = 0; n < KILLS; n++) {
    const folder = join(top, `n${random(2)}`);
    const parameters = ['--import=tsx', WRITER, store, folder, `w${n}`, String(random(2 ** 31))];
    const child = spawn(process.execPath, parameters, { stdio: ['ignore', 'pipe', 'inherit'] });
    const lines = createInterface(child.stdout);
    const keys: string[] = [];
    lines.on('line', (line) => keys.push(line));
    await once(lines, 'line');
    await setTimeout(random(500));
    child.kill('SIGKILL');
    await once(lines, 'close');
    const [opened = '', ...stored] = keys;
    t.true(Number(opened.split(' ')[1]) >= told.length, `${opened}, of ${told.length}`);
    told.push(...stored);
    if (random(3) > 0) continue;
    disksLost += 1;
    await rm(folder, { recursive: true, force: true });
  }
  const db = await open(join(top, 'last'), { store });
  const revisions: number[] = [];
  for (const key of told) revisions.push((await db.getEntry(key))?.revision ?? 0);
  const count = await db.count();
  t.log(`COPPICE_SEED=${seed}: ${KILLS} kills, ${disksLost} disks lost, ${told.length} told, ${count} in the branch`);
  t.deepEqual(
    told.filter((_, n) => (revisions[n] as number) <= (revisions[n - 1] ?? 1)),
    [],
  );
  t.true((await db.verify()).ok);
  t.true(told.length > 0);
  await db.close();
});
