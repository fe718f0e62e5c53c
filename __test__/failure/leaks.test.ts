import { join } from 'node:path';
import test from 'ava';
import { temporaryFolder } from '../support/database.js';
import { runProgram } from '../support/program.js';

test('snapshots and ranges that are dropped without being closed are collected', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  const ended = await runProgram(
    path,
    `const db = await open(path);
    await db.batch(Array.from({ length: 1000 }, (_, n) => ({ type: 'put', key: 'k' + n, value: 'v' })));
    const turn = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    const kept = db.snapshot();
    (() => {
      for (let n = 0; n < 200; n++) {
        const snapshot = db.snapshot();
        snapshot.keys({ batchSize: 10 })[Symbol.iterator]().next();
        db.entries({ batchSize: 10 })[Symbol.iterator]().next();
        db.records({ batchSize: 10, snapshot })[Symbol.asyncIterator]().next();
      }
    })();
    const held = () => [census().ranges, census().snapshots, db.stats().snapshots].join(' ');
    console.log(held());
    const deadline = Date.now() + 30_000;
    while (held() !== '0 1 1' && Date.now() < deadline) {
      gc();
      await turn(5);
    }
    console.log(held(), await kept.count());
    kept.close();
    console.log(held());`,
  );
  t.deepEqual(ended, { code: 0, signal: null, output: '600 201 201\n0 1 1 1000\n0 0 0\n' });
});

test('a snapshot lives as long as something reads it', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  const ended = await runProgram(
    path,
    `const db = await open(path);
    await db.put('a', 'before');
    const range = (() => db.snapshot().entries())();
    const get = (() => { const snapshot = db.snapshot(); return () => snapshot.getSync('a'); })();
    await db.put('a', 'after');
    await db.compact();
    for (let n = 0; n < 20; n++) {
      gc();
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    console.log(range.toArraySync().join(' '), get());`,
  );
  t.deepEqual(ended, { code: 0, signal: null, output: 'a,before before\n' });
});

test('an idle database uses no processor time', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  const ended = await runProgram(
    path,
    `const db = await open(path, { durability: 'process' });
    for (let n = 0; n < 1000; n++) await db.put('k' + n, 'v');
    await db.flush();
    await db.compact();
    // What was written without waiting for the disk is synced within a second; after that there is nothing to do.
    await new Promise((resolve) => setTimeout(resolve, 1500));
    gc();
    const before = process.cpuUsage();
    await new Promise((resolve) => setTimeout(resolve, 2000));
    const { user, system } = process.cpuUsage(before);
    console.log((user + system) / 1000);`,
  );
  t.is(ended.code, 0, ended.output);
  const usedMs = Number(ended.output);
  t.log(`${usedMs} ms in 2 s`);
  t.true(usedMs < 20, `${usedMs} ms`);
});

test('a process with an idle open database ends by itself, and what it wrote is there', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  const first = await runProgram(
    path,
    `const db = await open(path);
    db.on('flush', () => {});
    db.put('a', '1');
    db.snapshot();
    db.keys()[Symbol.iterator]().next();`,
  );
  t.deepEqual(first, { code: 0, signal: null, output: '' });
  const second = await runProgram(path, `console.log(await (await open(path)).get('a'));`);
  t.deepEqual(second, { code: 0, signal: null, output: '1\n' });
});
