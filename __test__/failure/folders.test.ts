import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cp, mkdir, open as openFile, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { open } from '../../ts/index.js';
import { crc32c } from '../support/crc32c.js';
import { temporaryFolder } from '../support/database.js';
import { refuses } from '../support/errors.js';
import { busy, runProgram } from '../support/program.js';

/** Programs see mounts of their own, for which Linux asks no privilege where user namespaces are on. */
const canMount = spawnSync('unshare', ['-rm', 'true']).status === 0;
const ifMountable = canMount ? test : test.skip;

/** Runs a command in a mount namespace before the program. `$FOLDER` is the folder of the database. */
function mounted(folder: string, mount: string): string[] {
  return ['env', `FOLDER=${folder}`, 'unshare', '-rm', 'sh', '-ec', `${mount}; exec "$@"`, 'sh'];
}

/** Prints what a call came to: its code and where, or what it answered. */
const SHOW = `
  const show = async (call) => {
    try {
      console.log('answered', JSON.stringify(await call()) ?? '');
    } catch (error) {
      console.log(error.code, error.details?.file?.split('/').at(-1) ?? '', error.message.includes('(') ? 'placed' : '');
    }
  };`;

/** A database with two tables and a log, closed cleanly; answers its folder. */
async function sample(t: ExecutionContext): Promise<string> {
  const path = join(await temporaryFolder(t), 'db');
  const db = await open(path, { compression: 'none' });
  await db.put('flushed', 'one'.repeat(100));
  await db.flush();
  await db.put('later', 'two'.repeat(100));
  await db.close();
  return path;
}

/** A database whose writer was killed: `acknowledged` keys are in its log only. */
async function killed(t: ExecutionContext, acknowledged: number): Promise<string> {
  const path = join(await temporaryFolder(t), 'db');
  const ended = await runProgram(
    path,
    `const db = await open(path);
    for (let n = 0; n < ${acknowledged}; n++) await db.put('k' + String(n).padStart(4, '0'), 'v'.repeat(100));
    process.kill(process.pid, 'SIGKILL');`,
  );
  t.is(ended.signal, 'SIGKILL', ended.output);
  return path;
}

async function only(path: string, extension: string): Promise<string[]> {
  return (await readdir(path)).filter((name) => name.endsWith(extension) && name !== 'spare.log').sort();
}

async function change(file: string, at: number, bytes: Uint8Array): Promise<void> {
  const handle = await openFile(file, 'r+');
  await handle.write(bytes, 0, bytes.length, at);
  await handle.close();
}

test('a path that is a file, or goes through one, is refused as a wrong call', async (t) => {
  const folder = await temporaryFolder(t);
  const file = join(folder, 'file');
  await writeFile(file, 'not a folder');
  for (const options of [{}, { createIfMissing: false }, { readOnly: true }]) {
    for (const path of [file, join(file, 'db')]) {
      const error = await refuses(t, 'COPPICE_INVALID', () => open(path, options), /a file|Not a directory/);
      t.true(String(error.details?.file).startsWith(file), error.message);
    }
  }
  await using db = await open(join(folder, 'db'));
  await refuses(t, 'COPPICE_INVALID', () => db.checkpoint({ to: file }), /a file/);
  t.is(await readFile(file, 'utf8'), 'not a folder');
});

ifMountable('a read-only folder is refused for writing, and can be read', async (t) => {
  const path = await sample(t);
  const ended = await runProgram(
    path,
    `${SHOW}
    await show(() => open(path));
    await show(() => open(path + '/new'));
    const db = await open(path, { readOnly: true });
    await show(() => db.keys().toArray());
    await show(() => db.put('a', '1'));
    await show(() => db.flush());
    await show(() => db.verify().then(({ ok }) => ok));
    await show(() => db.checkpoint({ to: path + '/copy' }));`,
    mounted(path, 'mount --bind "$FOLDER" "$FOLDER"; mount -o remount,ro,bind "$FOLDER"'),
  );
  const lines = [
    'COPPICE_READONLY LOCK placed',
    'COPPICE_READONLY new placed',
    'answered ["flushed","later"]',
    'COPPICE_READONLY  ',
    'COPPICE_READONLY  ',
    'answered true',
    'COPPICE_READONLY  ',
  ];
  t.deepEqual(ended, { code: 0, signal: null, output: `${lines.join('\n')}\n` });
  await using db = await open(path);
  t.is(await db.count(), 2);
});

ifMountable('a full disk refuses writes, keeps what it has, and takes writes again when there is room', async (t) => {
  const path = await temporaryFolder(t);
  const ended = await runProgram(
    path,
    `import { rmSync, writeFileSync } from 'node:fs';
    writeFileSync(path + '/filler', Buffer.alloc(6 << 20));
    let db = await open(path + '/db', { durability: 'disk' });
    const acknowledged = [];
    const codes = new Set();
    const write = async () => {
      const key = 'k' + String(acknowledged.length).padStart(5, '0');
      try {
        await db.put(key, key.repeat(1000));
        acknowledged.push(key);
        return true;
      } catch (error) {
        codes.add(error.code);
        return false;
      }
    };
    while (await write());
    const before = acknowledged.length;
    console.log(before > 100, [...codes].join());
    for (let n = 0; n < 10; n++) await write();
    console.log(await db.count() >= before, (await db.get('k00000')) === 'k00000'.repeat(1000));
    rmSync(path + '/filler');
    const deadline = Date.now() + 20000;
    while (acknowledged.length < before + 100 && Date.now() < deadline) {
      if (!(await write())) await new Promise((resolve) => setTimeout(resolve, 20));
    }
    console.log(acknowledged.length - before, [...codes].join());
    await db.close();
    db = await open(path + '/db');
    let missing = 0;
    for (const key of acknowledged) if ((await db.get(key)) !== key.repeat(1000)) missing++;
    console.log(missing, (await db.verify()).ok);
    await db.close();`,
    mounted(path, 'mount -t tmpfs -o size=20m coppice "$FOLDER"'),
  );
  const lines = ['true COPPICE_DISK_FULL', 'true true', '100 COPPICE_DISK_FULL', '0 true'];
  t.deepEqual(ended, { code: 0, signal: null, output: `${lines.join('\n')}\n` });
});

test('a database at its maxDiskBytes refuses writes, and keeps what it has', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  await using db = await open(path, { maxDiskBytes: 8 << 20, memtableBytes: 1 << 20, durability: 'process' });
  let written = 0;
  const fill = async () => {
    for (; written < 1_000_000; written++) await db.put(`k${written}`, randomBytes(1_000).toString('hex'));
  };
  await refuses(t, 'COPPICE_DISK_FULL', fill, /maxDiskBytes is 8388608/);
  t.is(await db.count(), written);
});

test('a folder of another database is refused by its format, and left alone', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  await mkdir(path);
  await writeFile(join(path, 'CURRENT'), 'MANIFEST-000001\n');
  await writeFile(join(path, 'MANIFEST-000001'), 'something else');
  const error = await refuses(t, 'COPPICE_FORMAT', () => open(path), /CURRENT/);
  t.is(error.details?.file, join(path, 'CURRENT'));
  t.is(await readFile(join(path, 'CURRENT'), 'utf8'), 'MANIFEST-000001\n');
  t.is(await readFile(join(path, 'MANIFEST-000001'), 'utf8'), 'something else');
});

test('a database of a newer version is refused by the number of its format, whichever file says so', async (t) => {
  const path = await sample(t);
  const text = 'coppice 2 000001.manifest';
  const sum = crc32c(Buffer.from(text)).toString(16).padStart(8, '0');
  const copies = await temporaryFolder(t);
  const inCurrent = join(copies, 'current');
  await cp(path, inCurrent, { recursive: true });
  await writeFile(join(inCurrent, 'CURRENT'), `${text} ${sum}\n`);
  const [manifest] = await only(path, '.manifest');
  for (const [field, at] of [
    ['format', 8],
    ['features', 12],
  ] as const) {
    const copy = join(copies, field);
    await cp(path, copy, { recursive: true });
    const file = join(copy, manifest as string);
    const header = (await readFile(file)).subarray(0, 128);
    header.writeUInt32LE(field === 'format' ? 2 : 1 << 20, at);
    header.writeUInt32LE(crc32c(header.subarray(0, 124)), 124);
    await change(file, 0, header);
    const error = await refuses(t, 'COPPICE_FORMAT', () => open(copy));
    t.is(error.details?.file, file);
  }
  await refuses(t, 'COPPICE_FORMAT', () => open(inCurrent), /2/);
});

test('a second process is refused, and told who holds the database', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  await using db = await open(path);
  await db.put('a', '1');
  const ended = await runProgram(path, 'await open(path).catch(({ code, message }) => console.log(code, message));');
  t.is(ended.code, 0, ended.output);
  t.regex(ended.output, new RegExp(`^COPPICE_LOCKED .*\\b${process.pid}\\b.*LOCK`));
  await db.put('b', '2');
});

test('the folder is free again as soon as the process that held it was killed', async (t) => {
  const path = await killed(t, 10);
  await using db = await open(path);
  t.is(await db.count(), 10);
});

test('a deleted table is named, and the rest is not opened as if it were all', async (t) => {
  const path = await sample(t);
  const [table] = await only(path, '.table');
  await rm(join(path, table as string));
  for (const options of [{}, { readOnly: true }]) {
    const error = await refuses(t, 'COPPICE_CORRUPT', () => open(path, options), new RegExp(table as string));
    t.is(error.details?.file, join(path, table as string));
  }
});

test('a log that is cut in the middle of its last record loses that record only, and says so', async (t) => {
  const path = await killed(t, 100);
  const [segment] = await only(path, '.log');
  const file = join(path, segment as string);
  const bytes = await readFile(file);
  const end = bytes.lastIndexOf('v'.repeat(100)) + 100;
  await truncate(file, end - 50);
  const db = await open(path);
  const heard = new Promise<{ records: number; tornBytes: number }>((resolve) => db.on('recovered', resolve));
  const { records, tornBytes } = await heard;
  t.is(records, 99);
  t.true(tornBytes > 0);
  t.is(db.stats().recoveredRecords, 99);
  t.is(await db.count(), 99);
  await db.close();
});

test('a log that lacks what later records vouch for is refused, with file and offset', async (t) => {
  const path = await killed(t, 100);
  const [segment] = await only(path, '.log');
  const file = join(path, segment as string);
  const bytes = await readFile(file);
  const at = bytes.indexOf('k0050');
  await change(file, at, Buffer.from('K'));
  const error = await refuses(t, 'COPPICE_CORRUPT', () => open(path), new RegExp(`${segment}`));
  t.is(error.details?.file, file);
  t.true((error.details?.offset as number) <= at && at - (error.details?.offset as number) < 200);
});

test('a flipped byte of a table is an error with its place for what needs it, and nothing else', async (t) => {
  const path = await sample(t);
  const files = await only(path, '.table');
  const tables = await Promise.all(files.map(async (name) => [name, await readFile(join(path, name))] as const));
  const [name, bytes] = tables.find(([, bytes]) => bytes.includes('flushed')) as (typeof tables)[number];
  const at = bytes.indexOf('oneone') + 100;
  await change(join(path, name), at, Buffer.from([0]));
  await using db = await open(path);
  t.is(await db.get('later'), 'two'.repeat(100));
  for (const read of [() => db.get('flushed'), () => db.getSync('flushed'), () => db.keys().toArray()]) {
    const error = await refuses(t, 'COPPICE_CORRUPT', read);
    t.is(error.details?.file, join(path, name));
    t.is(error.details?.offset, 0);
  }
  const { ok, problems } = await db.verify();
  t.false(ok);
  t.deepEqual([...new Set(problems.map(({ file }) => file))], [join(path, name)]);
  t.is(await db.get('later'), 'two'.repeat(100));
});

test('a folder that vanishes under an open database is an error, not a crash', async (t) => {
  const { open } = await busy();
  const path = join(await temporaryFolder(t), 'db');
  const db = await open(path);
  await db.put('a', '1');
  await rm(path, { recursive: true });
  t.is(await db.get('a'), '1');
  await t.throwsAsync(db.flush(), { message: /db/ });
  await t.throwsAsync(db.put('b', '2'), { message: /./ });
  await t.throwsAsync(db.close(), { message: /./ });
});
