import { cp, mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { open } from '../../ts/index.js';
import { type K4Options, openK4 } from '../../ts/k4/index.js';
import { temporaryFolder } from '../support/database.js';
import { refuses } from '../support/errors.js';
import { runProgram } from '../support/program.js';
import { holds } from '../support/until.js';
import { fill, K4_PROGRAM, keysUpTo, temporaryK4 } from './support.js';

const KB = 1 << 10;

/** The tables of a folder, as bytes. */
async function tables(path: string): Promise<Buffer[]> {
  const names = (await readdir(path)).filter((name) => name.endsWith('.table'));
  return Promise.all(names.map((name) => readFile(join(path, name))));
}

test('a memtable is flushed when it has grown to memtableFlushThreshold', async (t) => {
  const small = await temporaryK4(t, { memtableFlushThreshold: 256 * KB });
  const large = await temporaryK4(t, { memtableFlushThreshold: 256 << 20 });
  let flushed = 0;
  small.database.on('flush', ({ bytes }) => {
    flushed = bytes;
  });
  for (const db of [small, large]) await fill(db, keysUpTo(1_000), 'v'.repeat(500));
  // A database does not keep its process alive: this does.
  await holds(() => flushed > 0);
  t.true(flushed <= 256 * KB);
  t.true(small.database.stats().memtableBytes <= 4 * 256 * KB);
  t.is(large.database.stats().flushes, 0);
});

test('compactionInterval merges everything down when so many seconds have passed', async (t) => {
  const db = await temporaryK4(t, { compactionInterval: 1 });
  // Too few tables for a compaction of its own accord.
  for (const value of ['old', 'new']) {
    await fill(db, keysUpTo(100), value);
    await db.escalateFlush();
  }
  const entries = () => db.database.stats().levels.reduce((sum, level) => sum + level.entries, 0);
  await holds(() => entries() === 100);
  t.is(await db.get('key000007'), 'new');
});

test('a process ends by itself while its database waits for the next interval', async (t) => {
  const ended = await runProgram(
    join(await temporaryFolder(t), 'db'),
    `${K4_PROGRAM}
    const db = await openK4(path, { compactionInterval: 3600, logging: () => {} });
    await db.put('a', '1');
    console.log(await db.get('a'));`,
  );
  t.deepEqual(ended, { code: 0, signal: null, output: '1\n' });
});

test('logging is a file in the folder, whose lines have the time, and which is gone on with', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  for (let round = 0; round < 2; round++) {
    const db = await openK4(path, { logging: true });
    await db.put('a', String(round));
    await db.escalateFlush();
    const said = () => readFile(join(path, '.log'), 'utf8');
    await holds(async () => (await said()).split('flushed').length === round + 2);
    await db.close();
  }
  const lines = (await readFile(join(path, '.log'), 'utf8')).trimEnd().split('\n');
  for (const line of lines) t.regex(line, /^\d{4}-\d\d-\d\dT[\d:.]+Z /);
  const said = lines.map((line) => line.replace(/^\S+ (\S+).*$/, '$1'));
  t.deepEqual(said, ['opened', 'flushed', 'closed', 'opened', 'flushed', 'closed']);
});

test('a log that cannot be written is told by the open, which leaves nothing open', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  await (await open(path)).close();
  await mkdir(join(path, '.log'));
  const { details } = await refuses(t, 'COPPICE_IO', () => openK4(path, { logging: true }), /the log/);
  t.is(details?.file, join(path, '.log'));
  // With other options it could not be shared.
  await (await openK4(path, { probability: 0.5 })).close();
});

test('compress says whether pages are compressed', async (t) => {
  const line = 'the same words again and again, '.repeat(10);
  for (const compress of [true, false]) {
    const db = await temporaryK4(t, { compress });
    await fill(db, keysUpTo(100), line);
    await db.escalateFlush();
    const [table] = await tables(db.database.path);
    t.is(table?.includes(line), !compress);
  }
});

test('a wrong option is refused by its name', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  const wrong: Record<string, unknown[]> = {
    memtableFlushThreshold: [256 * KB - 1, (256 << 20) + 1, 1.5, '64MB', null],
    compactionInterval: [0, -1, 0.5, '1h', null],
    logging: [1, 'file.log', null],
    compress: [1, 'lz', null],
    'memtable.maxLevel': [0, 17, 1.5],
    'memtable.probability': [0, 1, '0.25'],
    memtableBytes: [4 << 20],
    compression: ['none'],
    memtable: [{ maxLevel: 3 }],
    maxlevel: [12],
  };
  for (const [name, values] of Object.entries(wrong)) {
    for (const value of values) {
      const options = { [name.replace('memtable.', '')]: value } as K4Options;
      const { details } = await refuses(t, 'COPPICE_INVALID', () => openK4(path, options));
      t.is(details?.option, name);
    }
  }
  const both: K4Options = { compactionInterval: 60, compaction: { intervalMs: 60_000 } };
  await refuses(t, 'COPPICE_INVALID', () => openK4(path, both), /not both/);
  await refuses(t, 'COPPICE_INVALID', () => openK4(path, { logging: true, readOnly: true }), /readOnly/);
  await refuses(t, 'COPPICE_INVALID', () => openK4(path, null as never), /options of openK4/);
  await refuses(t, 'COPPICE_INVALID', () => openK4(''), /^path /);
  await refuses(t, 'COPPICE_NOT_FOUND', () => openK4(path, { createIfMissing: false }));
});

test('a folder of K4 is refused, and left alone', async (t) => {
  const path = await temporaryFolder(t);
  for (const name of ['.wal', '.log', 'sstable_0.sst']) await writeFile(join(path, name), 'of K4');
  await refuses(t, 'COPPICE_FORMAT', () => openK4(path));
  t.deepEqual((await readdir(path)).sort(), ['.log', '.wal', 'sstable_0.sst']);
});

test('k4 D4: neither a copy nor the times of files change what is read', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  const db = await openK4(path);
  for (const value of ['oldest', 'older', 'newest']) {
    await fill(db, keysUpTo(10), value);
    await db.escalateFlush();
  }
  await db.close();
  const names = (await readdir(path)).sort();
  for (const [age, name] of names.entries()) await utimes(join(path, name), 2_000_000_000 - age, 2_000_000_000 - age);
  const copy = `${path}-copy`;
  await cp(path, copy, { recursive: true });
  for (const folder of [path, copy]) {
    const again = await openK4(folder);
    t.deepEqual(
      await again.greaterThanEq(''),
      keysUpTo(10).map((key) => [key, 'newest']),
    );
    await again.close();
  }
});

test('k4 D5: what was written compressed is read without, and the other way round', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  const value = 'the same words again and again, '.repeat(10);
  for (const [round, compress] of [true, false, true].entries()) {
    const db = await openK4(path, { compress });
    await fill(
      db,
      keysUpTo(50).map((key) => `${round}${key}`),
      value,
    );
    await db.escalateFlush();
    t.is((await db.greaterThanEq('')).filter(([, found]) => found === value).length, 50 * (round + 1));
    await db.close();
  }
});

test('k4 D6: the level alone leaves the probability as it is', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  const db = await openK4(path, { maxLevel: 12 });
  // A second open of the process shares the engine, if its options are the same.
  await (await openK4(path, { maxLevel: 12, probability: 1 / 16 })).close();
  await refuses(t, 'COPPICE_INVALID', () => openK4(path, { maxLevel: 12, probability: 1 / 4 }), /memtable.probability/);
  await refuses(t, 'COPPICE_INVALID', () => openK4(path), /memtable.maxLevel/);
  await db.close();
});

test('k4 D7: each database tells its own logger, and a logger that throws stops nothing', async (t) => {
  const lines: string[][] = [[], []];
  const [first, second] = await Promise.all(
    lines.map((said) => temporaryK4(t, { logging: (line) => void said.push(line) })),
  );
  await first?.put('a', '1');
  await first?.escalateFlush();
  await holds(() => lines[0]?.length === 2);
  await Promise.all([first?.close(), second?.close()]);
  t.deepEqual(
    lines.map((said) => said.map((line) => line.split(' ', 1)[0])),
    [
      ['opened', 'flushed', 'closed'],
      ['opened', 'closed'],
    ],
  );
  t.is(lines[0]?.[0], `opened ${first?.database.path}`);
  const ended = await runProgram(
    join(await temporaryFolder(t), 'db'),
    `${K4_PROGRAM}
    const said = [];
    process.on('uncaughtException', ({ message }) => said.push(message));
    const db = await openK4(path, { logging: (line) => { throw new Error(line.split(' ')[0]); } });
    await db.put('a', '1');
    await db.escalateFlush();
    while (said.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    await db.close();
    process.on('exit', () => console.log(...said));`,
  );
  t.deepEqual(ended, { code: 0, signal: null, output: 'opened flushed closed\n' });
});

test('k4 D9: a closed database may be closed again, and refuses every other call', async (t) => {
  const db = await temporaryK4(t);
  await db.put('a', '1');
  const transaction = db.beginTransaction();
  transaction.addOperation('PUT', 'b', '2');
  await Promise.all([db.close(), db.close()]);
  await db.close();
  const calls = [
    () => db.put('a', '2'),
    () => db.get('a'),
    () => db.delete('a'),
    () => db.nget('a'),
    () => db.range('a', 'b'),
    () => db.iterator(),
    () => db.beginTransaction(),
    () => transaction.addOperation('DELETE', 'a'),
    () => transaction.commit(),
    () => db.recoverFromWal(),
    () => db.escalateFlush(),
    () => db.escalateCompaction(),
  ];
  for (const call of calls) await refuses(t, 'COPPICE_CLOSED', call);
  const again = await openK4(db.database.path);
  t.deepEqual(await again.greaterThanEq(''), [['a', '1']]);
  await again.close();
});
