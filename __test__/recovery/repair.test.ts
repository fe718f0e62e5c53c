/** A damaged database: opened before the damage, and made anew of what is left. */

import { cp, open as openFile, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type LeftOut, open, salvage } from '../../ts/index.js';
import { temporaryFolder } from '../support/database.js';
import { refuses } from '../support/errors.js';
import { runProgram } from '../support/program.js';

const KEYS = 200;

/** A database whose writer was killed; its keys are in its log only, each synced by itself. */
async function killed(t: ExecutionContext): Promise<string> {
  const path = join(await temporaryFolder(t), 'db');
  const ended = await runProgram(
    path,
    `const db = await open(path);
    for (let n = 0; n < ${KEYS}; n++) await db.put('k' + String(n).padStart(4, '0'), 'v'.repeat(100));
    process.kill(process.pid, 'SIGKILL');`,
  );
  t.is(ended.signal, 'SIGKILL', ended.output);
  return path;
}

/** Changes a byte in the middle of the only segment; answers its file. */
async function damageLog(path: string): Promise<string> {
  const name = (await readdir(path)).find((name) => /^\d+\.log$/.test(name)) as string;
  const file = await openFile(join(path, name), 'r+');
  await file.write(Buffer.from([0xee]), 0, 1, 20_000);
  await file.close();
  return join(path, name);
}

test('point-in-time opens before the damage, keeps the rest, and says where', async (t) => {
  const path = await killed(t);
  const file = await damageLog(path);
  await refuses(t, 'COPPICE_CORRUPT', () => open(path));
  const db = await open(path, { recovery: 'point-in-time' });
  const { leftOut } = await new Promise<{ leftOut?: LeftOut }>((resolve) => db.on('recovered', resolve));
  t.is(leftOut?.file, file);
  t.true((leftOut?.offset as number) <= 20_000 && (leftOut?.bytes as number) > 1_000);
  const kept = await db.count();
  t.true(kept > 50 && kept < KEYS);
  await db.close();
  // What was left out is a folder that can be salvaged: all but the damaged record is in it.
  const rescued = `${path}-rescued`;
  const report = await salvage(leftOut?.folder as string, rescued);
  t.false(report.complete);
  t.true(report.lost.some((loss) => loss.file === join(leftOut?.folder as string, basename(file))));
  await using other = await open(rescued);
  t.is(await other.count(), KEYS - 1);
  await using again = await open(path);
  t.is(await again.count(), kept);
});

test('salvage needs no manifest, tells how far it is, and refuses a folder in use', async (t) => {
  const path = await killed(t);
  const db = await open(path, { memtableBytes: 1 << 20 });
  // Awaited: what waits for memory has no revision yet.
  await Promise.all(Array.from({ length: 2_000 }, (_, n) => db.put(`long${n}`, 'w'.repeat(1_000), { ttl: '1d' })));
  await db.flush();
  const { revision } = db;
  await refuses(t, 'COPPICE_LOCKED', () => salvage(path, `${path}-rescued`));
  await db.close();
  for (const name of await readdir(path)) if (/CURRENT|manifest/.test(name)) await rm(join(path, name));
  const seen: number[] = [];
  const report = await salvage(path, `${path}-rescued`, { onProgress: ({ done, total }) => seen.push(done / total) });
  t.is(report.revision, revision);
  t.is(report.keys, KEYS + 2_000);
  t.regex(report.notes.join(), /manifest/);
  t.true(seen.length > 0 && seen.every((part, i) => part >= (seen[i - 1] ?? 0) && part <= 1));
  await using other = await open(`${path}-rescued`);
  t.true((await other.verify()).ok);
  const entry = await other.getEntry('long7');
  t.true((entry?.expiresAt?.getTime() ?? 0) > Date.now());
  await refuses(t, 'COPPICE_EXISTS', () => salvage(path, `${path}-rescued`));
  await refuses(t, 'COPPICE_NOT_FOUND', () => salvage(join(path, '..', 'nothing'), `${path}-other`));
});

test('a CURRENT that was overwritten is taken for that of another database, and salvage needs none', async (t) => {
  const path = await killed(t);
  await (await open(path)).close();
  const current = join(path, 'CURRENT');
  const ours = await readFile(current, 'utf8');
  for (const [text, code] of [
    ['overwritten', 'COPPICE_FORMAT'],
    [`xx${ours.slice(2)}`, 'COPPICE_FORMAT'],
    [`x${ours.slice(1)}`, 'COPPICE_CORRUPT'],
    ['', 'COPPICE_CORRUPT'],
  ] as const) {
    await writeFile(current, text);
    for (const recovery of ['strict', 'point-in-time'] as const) await refuses(t, code, () => open(path, { recovery }));
    t.is(await readFile(current, 'utf8'), text, 'nothing is changed');
  }
  await writeFile(current, 'overwritten');
  const { keys, notes } = await salvage(path, `${path}-rescued`);
  t.is(keys, KEYS);
  t.regex(notes.join(), /CURRENT could not be read/);
});

test('a checkpoint and a backup count the same: the bytes of tables and of files of large values', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  await using db = await open(path, { blobBytes: 1_000 });
  await db.put('small', 'v');
  await db.put('large', 'w'.repeat(100_000));
  const to = (name: string) => ({ to: `${path}-${name}` });
  for (const { location, tables, bytes } of [await db.checkpoint(to('checkpoint')), await db.backup(to('backup'))]) {
    const names = (await readdir(location)).filter((name) => /\.(table|blob)$/.test(name));
    const sizes = await Promise.all(names.map(async (name) => (await stat(join(location, name))).size));
    t.is(names.filter((name) => name.endsWith('.table')).length, tables);
    t.is(
      bytes,
      sizes.reduce((sum, size) => sum + size, 0),
      location,
    );
    t.true(tables > 0 && names.length > tables);
  }
});

test('a backup is restored by opening a copy of it', async (t) => {
  const path = await killed(t);
  await using db = await open(path);
  const to = `${path}-backup`;
  const steps: number[] = [];
  const first = await db.backup({ to, onProgress: ({ done }) => steps.push(done) });
  t.deepEqual([first.copiedTables, first.copiedBytes, first.location], [first.tables, first.bytes, to]);
  t.is(steps.at(-1), first.bytes);
  await db.put('new', '1');
  const second = await db.backup({ to });
  t.true(second.copiedBytes < second.bytes);
  await cp(to, `${path}-restored`, { recursive: true });
  await using restored = await open(`${path}-restored`);
  t.deepEqual([await restored.count(), restored.revision], [KEYS + 1, second.revision]);
  await refuses(t, 'COPPICE_LOCKED', () => db.backup({ to: `${path}-restored` }));
  await refuses(t, 'COPPICE_INVALID', () => db.backup({} as { to: string }));
});
