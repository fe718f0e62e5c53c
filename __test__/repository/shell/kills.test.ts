/** Writers that are killed at any moment, whose disks are lost or not: what one has printed is in the branch. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { fsStore } from '../../../ts/index.js';
import { temporaryFolder } from '../../support/database.js';
import { seedOfRun, splitMix32 } from '../../support/random.js';
import { openBranch } from './branch.js';

const WRITER = fileURLToPath(new URL('writer.ts', import.meta.url));
const KILLS = Number(process.env.COPPICE_ROUNDS ?? 8);

test('what a writer was told before it was killed is in the branch once and in order', async (t) => {
  const seed = seedOfRun();
  const random = splitMix32(seed);
  const top = await temporaryFolder(t);
  const told: string[] = [];
  let disksLost = 0;
  for (let n = 0; n < KILLS; n++) {
    // Now and then the next one comes from another machine, while this one is still alive.
    const folder = join(top, `n${random(2)}`);
    const parameters = ['--import=tsx', WRITER, join(top, 'store'), folder, `w${n}`, String(random(2 ** 31))];
    const child = spawn(process.execPath, parameters, { stdio: ['ignore', 'pipe', 'inherit'] });
    const lines = createInterface(child.stdout);
    const texts: string[] = [];
    lines.on('line', (line) => texts.push(line));
    await once(lines, 'line');
    await setTimeout(random(400));
    child.kill('SIGKILL');
    await once(lines, 'close');
    const [opened = '', ...stored] = texts;
    t.true(Number(opened.split(' ')[1]) >= told.length, `${opened}, of ${told.length}`);
    told.push(...stored);
    if (random(3) > 0) continue;
    disksLost += 1;
    await rm(folder, { recursive: true, force: true });
  }
  const { shell, engine } = await openBranch(fsStore(join(top, 'store')), join(top, 'last'));
  const { texts } = engine;
  await shell.close();
  t.log(
    `COPPICE_SEED=${seed}: ${KILLS} kills, ${disksLost} disks lost, ${told.length} told, ${texts.length} in the branch`,
  );
  t.is(new Set(texts).size, texts.length, 'nothing is there twice');
  const places = told.map((text) => texts.indexOf(text));
  t.deepEqual(
    places.filter((place, n) => place <= (places[n - 1] ?? -1)),
    [],
    'everything is there, in its order',
  );
  t.true(told.length > 0, 'something was told');
});
