import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { open } from '../../ts/index.js';
import { k4, openK4 } from '../../ts/k4/index.js';
import { temporaryFolder } from '../support/database.js';
import { runProgram } from '../support/program.js';
import { holds } from '../support/until.js';
import { K4_PROGRAM, temporaryK4 } from './support.js';

/** A database that a program wrote to until it was killed; answers its folder. */
async function killed(t: ExecutionContext, writes: string): Promise<string> {
  const path = join(await temporaryFolder(t), 'db');
  const body = `${K4_PROGRAM}
    const db = await openK4(path, { durability: 'process' });
    ${writes}
    process.kill(process.pid, 'SIGKILL');`;
  const { signal, output } = await runProgram(path, body);
  t.is(signal, 'SIGKILL', output);
  return path;
}

/** The bytes of the log in a folder. */
async function logBytes(path: string): Promise<number> {
  const names = (await readdir(path)).filter((name) => name.endsWith('.log') && name !== 'spare.log');
  const files = await Promise.all(names.map((name) => stat(join(path, name))));
  return files.reduce((sum, { size }) => sum + size, 0);
}

test('recoverFromWal says how many records the open has replayed: none after a close', async (t) => {
  const path = await killed(t, `for (let n = 0; n < 100; n++) await db.put('k' + n, 'v');`);
  const said: string[] = [];
  const db = await openK4(path, { logging: (line) => void said.push(line) });
  t.deepEqual(await db.recoverFromWal(), { records: 100 });
  t.deepEqual(await db.recoverFromWal(), { records: 100 }, 'it counts what was, and does nothing');
  const second = k4(await open(path));
  t.deepEqual(await second.recoverFromWal(), { records: 100 }, 'whoever asks');
  await second.close();
  t.is((await db.greaterThanEq('')).length, 100);
  t.deepEqual(said.slice(0, 2), [`opened ${path}`, 'recovered 100 records, cut 0 torn bytes']);
  await db.close();
  const again = await openK4(path);
  t.deepEqual(await again.recoverFromWal(), { records: 0 });
  await again.close();
});

test('k4 D2: what was acknowledged before a kill is there after the next open, without a call', async (t) => {
  const path = await killed(
    t,
    `for (let n = 0; n < 1000; n++) await db.put('k' + n, 'v' + n);
    await db.delete('k7');`,
  );
  const db = await openK4(path);
  t.is(await db.get('k999'), 'v999');
  t.is(await db.get('k7'), undefined);
  t.is((await db.greaterThanEq('')).length, 999);
  await db.close();
});

test('k4 D43: a rollback is in the log as any commit is', async (t) => {
  const path = await killed(
    t,
    `await db.put('a', 'old');
    const transaction = db.beginTransaction();
    transaction.addOperation('PUT', 'a', 'new');
    transaction.addOperation('PUT', 'b', 'new');
    await transaction.commit();
    await transaction.rollback();
    await db.put('c', 'later');`,
  );
  const db = await openK4(path);
  t.deepEqual(await db.greaterThanEq(''), [
    ['a', 'old'],
    ['c', 'later'],
  ]);
  t.deepEqual(await db.recoverFromWal(), { records: 4 });
  await db.close();
});

test('k4 D45: a recovery adds nothing to the log', async (t) => {
  const path = await killed(t, `for (let n = 0; n < 2000; n++) await db.put('k' + n, 'v'.repeat(500));`);
  const before = await logBytes(path);
  t.true(before > 1_000_000);
  for (let round = 0; round < 3; round++) {
    const { signal } = await runProgram(path, `await open(path); process.kill(process.pid, 'SIGKILL');`);
    t.is(signal, 'SIGKILL');
  }
  t.true((await logBytes(path)) <= before);
  const db = await openK4(path);
  t.deepEqual(await db.recoverFromWal(), { records: 2_000 });
  await db.close();
});

test('k4 D46: a time of expiry is in the log', async (t) => {
  const path = await killed(
    t,
    `await db.put('soon', 'v', 300);
    await db.put('late', 'v', '10d');
    await db.put('never', 'v');`,
  );
  const db = await openK4(path);
  await holds(async () => (await db.get('soon')) === undefined);
  const [late, never] = await db.database.records().toArray();
  t.is(late?.key, 'late');
  t.true(Number(late?.expiresAt) > Date.now() + 9 * 86_400_000);
  t.deepEqual([never?.key, never?.expiresAt], ['never', undefined]);
  await db.close();
});

test('k4 D47: values of any length come back from the log', async (t) => {
  const lengths = [0, 1, 1_000, 1_023, 1_024, 1_025, 4_096, 65_536, 1_048_576, 3_000_000];
  const path = await killed(
    t,
    `for (const length of ${JSON.stringify(lengths)}) await db.put('k' + length, String(length % 7).repeat(length));`,
  );
  const db = await openK4(path);
  for (const length of lengths) t.true((await db.get(`k${length}`)) === String(length % 7).repeat(length), `${length}`);
  await db.close();
});

test('k4 D50: a flush of nothing makes no table', async (t) => {
  const db = await temporaryK4(t);
  for (let n = 0; n < 5; n++) await db.escalateFlush();
  await db.put('a', '1');
  await db.escalateFlush();
  await db.escalateFlush();
  t.is((await readdir(db.database.path)).filter((name) => name.endsWith('.table')).length, 1);
});

test('k4 D51: escalateFlush resolves when the table is there, and the log is not needed any more', async (t) => {
  const path = await killed(
    t,
    `for (let n = 0; n < 100; n++) await db.put('k' + n, 'v');
    await db.escalateFlush();`,
  );
  const db = await openK4(path);
  t.deepEqual(await db.recoverFromWal(), { records: 0 });
  t.is((await db.greaterThanEq('')).length, 100);
  await db.close();
});
