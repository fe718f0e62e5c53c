import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';
import { open } from '../../ts/index.js';
import { CoppiceLevel } from '../../ts/level/index.js';
import { temporaryFolder } from '../support/database.js';

test('the suite that abstract-level publishes passes whole', async (t) => {
  t.timeout(300_000);
  const program = fileURLToPath(new URL('suite.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [`--import=${import.meta.resolve('tsx')}`, program], {
    maxBuffer: 64 << 20,
  });
  const [, passed = 0] = /^# pass +(\d+)$/m.exec(stdout) ?? [];
  const [, all = -1] = /^# tests (\d+)$/m.exec(stdout) ?? [];
  t.is(passed, all);
  t.true(Number(all) > 5_000);
  t.log(`${all} assertions`);
});

test('what is declared is there: the options and errors of Coppice and of LevelDB', async (t) => {
  const folder = await temporaryFolder(t);
  const location = join(folder, 'db');
  t.throws(() => new CoppiceLevel(''), { code: 'COPPICE_INVALID' });
  const db = new CoppiceLevel<string, number>(location, { valueEncoding: 'json', history: true, compression: 'none' });
  t.is(db.location, location);
  t.is(db.database, undefined);
  await db.put('a', 1, { sync: true } as object);
  await db.put('a', 2);
  await db.compactRange('a', 'z');
  const versions = await db.database?.history(Buffer.from('a')).toArray();
  t.is(versions?.length, 2);
  await db.close();
  await t.throwsAsync(db.compactRange('a', 'z'), { message: /Database is not open/ });
  // LevelDB's own options, and those of hooks, are nobody's here.
  const leveldb = { compression: true, cacheSize: 8 << 20, blockSize: 4096 } as object;
  const again = new CoppiceLevel<string, number>(location, { valueEncoding: 'json', history: true, ...leveldb });
  t.is(await again.get('a'), 2);
  const wrong = await t.throwsAsync(new CoppiceLevel(join(folder, 'other'), { memoryBytes: -1 }).open());
  t.like(wrong?.cause, { code: 'COPPICE_INVALID' });
  await again.close();
  const plain = await open(location);
  t.is(await plain.get('a'), '2');
  await plain.close();
});

test('the size of a range is about its share of the files', async (t) => {
  const db = new CoppiceLevel(join(await temporaryFolder(t), 'db'));
  const key = (i: number) => String(i).padStart(6, '0');
  const ops = Array.from({ length: 4_000 }, (_, i) => ({
    type: 'put' as const,
    key: key(i),
    value: `${i}`.repeat(40),
  }));
  await db.batch(ops);
  t.is(await db.approximateSize(key(0), key(4_000)), 0);
  await db.compactRange(key(0), key(4_000));
  const whole = await db.approximateSize(key(0), key(4_000));
  const half = await db.approximateSize(key(0), key(2_000));
  t.true(whole > 10_000 && half > 0.3 * whole && half < 0.7 * whole, `${half} of ${whole}`);
  t.is(await db.approximateSize(key(2_000), key(0)), 0);
  await db.close();
  await t.throwsAsync(db.approximateSize('a', 'b'), { code: 'LEVEL_DATABASE_NOT_OPEN' });
});
