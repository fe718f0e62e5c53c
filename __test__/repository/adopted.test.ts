/** Databases that were there before they had a store, through the public API. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { memoryStore, open, type Progress } from '../../ts/index.js';
import { coppice } from '../support/command.js';
import { temporaryFolder } from '../support/database.js';
import { refuses } from '../support/errors.js';
import { seedOfRun, splitMix32 } from '../support/random.js';

const ADOPTER = fileURLToPath(new URL('adopted/adopter.ts', import.meta.url));
const KILLS = Number(process.env.COPPICE_ROUNDS ?? 6);
const LARGE = 'x'.repeat(3 << 20);

test('a database with a past and large values goes into a store whole, and grows back', async (t) => {
  const folder = join(await temporaryFolder(t), 'db');
  const db = await open(folder, { history: true });
  const { revision } = await db.put('price', '10');
  await db.put('large', LARGE);
  await db.flush();
  await db.put('price', '12');
  await db.put('large2', LARGE);
  await db.put('gone', 'x', { ttl: 1 });
  await db.trim(2);
  const before = db.revision;
  await db.close();

  const store = memoryStore();
  await refuses(t, 'COPPICE_INVALID', () => open(folder, { store, history: false }), /history/);
  t.false(existsSync(join(folder, '.repository', 'position')));
  const told: Progress[] = [];
  const options = { store, durability: 'remote', onProgress: (progress: Progress) => told.push(progress) } as const;
  const adopted = await open(folder, options);
  t.is(adopted.revision, before);
  t.is(await adopted.get('price', { at: revision }), '10');
  await adopted.put('price', '14');
  t.like(told[0], { phase: 'checkpoint', done: 0, unit: 'bytes' });
  t.like(adopted.repository(), { role: 'leading', unshipped: 0, checkpoint: { revision: before } });
  await adopted.close();
  await refuses(t, 'COPPICE_INVALID', () => open(folder), /disk of a branch/);

  await rm(folder, { recursive: true });
  const again = await open(folder, options);
  t.is(await again.get('price', { at: revision }), '10');
  t.is(await again.get('price'), '14');
  t.is(await again.get('large'), LARGE);
  t.is(await again.get('large2'), LARGE);
  t.is(await again.get('gone'), undefined);
  t.true((await again.verify()).ok);
  await again.close();
});

test('a database whose branch was made by another is what it was, without the store', async (t) => {
  const folder = join(await temporaryFolder(t), 'db');
  const store = memoryStore();
  for (const name of ['', '2']) {
    const db = await open(`${folder}${name}`);
    await db.batch(Array.from({ length: 100 }, (_, n) => ({ type: 'put', key: `key${n}`, value: `value${name}` })));
    await db.close();
  }
  const winner = await open(folder, { store });
  await refuses(t, 'COPPICE_EXISTS', () => open(`${folder}2`, { store }), /no part of it/);
  await winner.close();
  const loser = await open(`${folder}2`);
  t.is(await loser.get('key99'), 'value2');
  await loser.put('key0', 'again');
  t.true((await loser.verify()).ok);
  await loser.close();
  const other = await open(`${folder}2`, { store, branch: 'other' });
  t.is(await other.get('key0'), 'again');
  await other.close();
});

test('killed at any moment, a database is in the store in the end, with what was written to it between', async (t) => {
  const seed = seedOfRun();
  const random = splitMix32(seed);
  const top = await temporaryFolder(t);
  const [store, folder] = [join(top, 'store'), join(top, 'db')];
  const values = new Map<string, string>();
  let alone = 0;
  const write = async () => {
    const db = await open(folder, { memoryBytes: 16 << 20 });
    for (let n = 0; n < 40; n++) {
      const [key, value] = [`key${random(200)}`, `${random(2 ** 31)}`.repeat(5_000 + random(10_000))];
      values.set(key, value);
      await db.put(key, value, { durability: 'process' });
    }
    alone += 1;
    await db.close();
  };
  await write();
  let done = false;
  for (let n = 0; n < KILLS && !done; n++) {
    const parameters = ['--import=tsx', ADOPTER, store, folder];
    const child = spawn(process.execPath, parameters, { stdio: ['ignore', 'pipe', 'inherit'] });
    const lines = createInterface(child.stdout);
    const closed = once(child, 'close');
    lines.on('line', (line) => {
      done ||= line === 'done';
    });
    await once(lines, 'line');
    await setTimeout(random(300));
    child.kill('SIGKILL');
    await closed;
    if (!existsSync(join(folder, '.repository', 'position'))) await write();
  }
  t.log(
    `COPPICE_SEED=${seed}: written without the store ${alone} times, killed ${done ? 'when it was done' : 'before it was done'}`,
  );
  await (await open(folder, { store })).close();
  await rm(folder, { recursive: true });
  const db = await open(folder, { store });
  t.deepEqual(new Map(await db.entries().toArray()), new Map([...values].sort(([a], [b]) => (a < b ? -1 : 1))));
  t.true((await db.verify()).ok);
  await db.close();
  t.is((await coppice(['verify', store, '--store', '--deep'])).code, 0);
});

test('coppice init makes a branch of the database in a folder', async (t) => {
  const top = await temporaryFolder(t);
  const [store, folder] = [join(top, 'store'), join(top, 'db')];
  t.is((await coppice(['init', store, folder])).code, 3);
  t.false(existsSync(folder));
  const db = await open(folder);
  await db.put('a', '1');
  await db.close();
  t.is((await coppice(['init', store, '--branch', 'shop'])).code, 2);
  const { code, out } = await coppice(['init', store, folder, '--branch', 'shop', '--json']);
  t.is(code, 0);
  t.like(JSON.parse(out), { branch: 'shop', revision: 2 });
  t.is((await coppice(['init', store, folder, '--branch', 'shop'])).code, 3);
  const grown = await open(`${folder}2`, { store, branch: 'shop' });
  t.is(await grown.get('a'), '1');
  await grown.close();
});
