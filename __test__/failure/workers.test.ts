import { join } from 'node:path';
import test from 'ava';
import { open } from '../../ts/index.js';
import { census } from '../../ts/native/index.js';
import { temporaryFolder } from '../support/database.js';
import { refuses } from '../support/errors.js';
import { busy, runProgram, runRounds } from '../support/program.js';

/** As `npm run prove -- workers` has it: resident memory is then what is held. */
const ONE_ARENA = { MALLOC_ARENA_MAX: '1', MALLOC_TRIM_THRESHOLD_: '65536' };

test('20 rounds of workers that end with calls in flight leave no engine, file, thread or memory behind', async (t) => {
  t.timeout(300_000);
  const { code, signal, output, figures } = await runRounds('workers', 20, ONE_ARENA);
  t.deepEqual({ code, signal }, { code: 0, signal: null }, output);
  t.log(output.split('\n', 1)[0]);
  t.is(figures.workers, 80);
});

test('process.exit in the middle of everything ends the process at once, with its code', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  const ended = await runProgram(
    path,
    `const db = await open(path);
    await thread(path, 'work(await open(path)); done();').message();
    work(db);
    process.exit(7);`,
  );
  t.deepEqual(ended, { code: 7, signal: null, output: '' });
  await using db = await open(path);
  t.is(await db.get('k0'), 'v'.repeat(500));
});

test('an uncaught exception in the middle of everything ends the process as it always does', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  const { code, signal, output } = await runProgram(
    path,
    `const db = await open(path);
    await Promise.all(work(db));
    work(db);
    throw new Error('thrown on purpose');`,
  );
  t.deepEqual({ code, signal }, { code: 1, signal: null });
  t.regex(output, /thrown on purpose/);
  await using db = await open(path);
  t.is(await db.count(), 500);
});

test('an addon that only workers loaded survives them', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  // The module that this program imports does not load the addon; opening does.
  const ended = await runProgram(
    path,
    `for (let n = 0; n < 5; n++) {
      const worker = thread(path, 'const db = await open(path); work(db); done();');
      await worker.message();
      await worker.terminate();
    }`,
  );
  t.deepEqual(ended, { code: 0, signal: null, output: '' });
  await using db = await open(path);
  t.is(await db.count(), 500);
});

test('workers terminated while they open, flush, compact, verify and checkpoint do no harm', async (t) => {
  t.timeout(120_000);
  const path = join(await temporaryFolder(t), 'db');
  const ended = await runProgram(
    path,
    `const turn = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    for (let n = 0; n < 20; n++) {
      const worker = thread(path, 'done(); for (;;) { const db = await open(path); work(db); await db.close(); }');
      await worker.message();
      await turn(3 * n);
      await worker.terminate();
    }
    const deadline = Date.now() + 30_000;
    while (census().engines + census().tasks > 0 && Date.now() < deadline) await turn(5);
    console.log(JSON.stringify(census()));`,
  );
  const none = { engines: 0, tasks: 0, databases: 0, ranges: 0, snapshots: 0 };
  t.deepEqual(ended, { code: 0, signal: null, output: `${JSON.stringify(none)}\n` });
  await using db = await open(path);
  t.true((await db.verify()).ok);
});

test('a program that awaits nothing still does what it called, and then ends by itself', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  const ended = await runProgram(
    path,
    `const db = await open(path);
    Promise.all(work(db)).then((all) => console.log(all.length));`,
  );
  t.deepEqual(ended, { code: 0, signal: null, output: '504\n' });
});

test('closing in one thread leaves the others their engine', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  const { thread } = await busy();
  await using db = await open(path);
  const worker = thread(
    path,
    `for (let n = 1; n <= 30; n++) {
      const db = await open(path);
      db.put('from the worker', String(n));
      await db.close();
    }
    done();`,
  );
  let done = false;
  const finished = worker.message().finally(() => {
    done = true;
  });
  for (let n = 0; !done; n++) {
    await db.put('from here', String(n));
    t.is(db.getSync('from here'), String(n));
    if (n % 50 === 0) await db.flush();
  }
  await finished;
  t.is(await worker.ended, 0);
  t.is(await db.get('from the worker'), '30');
});

test('threads that share an engine see what the others write, at once', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  const { thread } = await busy();
  await using db = await open(path);
  const worker = thread(
    path,
    `const db = await open(path);
    port.on('message', async (n) => {
      if (n === 0) return port.close();
      const seen = db.getSync('ping');
      const { revision } = await db.put('pong', seen, { durability: n % 2 === 0 ? 'process' : 'disk' });
      done({ seen, revision });
    });
    done();`,
  );
  await worker.message();
  for (let n = 1; n <= 100; n++) {
    const { revision } = await db.put('ping', `${n}`, { durability: 'process' });
    const answered = worker.message();
    worker.postMessage(n);
    // Revisions are the engine's: they follow each other across threads.
    t.deepEqual(await answered, { seen: `${n}`, revision: revision + 1 });
    t.is(db.getSync('pong'), `${n}`);
  }
  worker.postMessage(0);
  // The open handle does not keep the worker alive.
  t.is(await worker.ended, 0);
});

test.serial('a second open shares the engine if its options agree, else names the one that differs', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  await using db = await open(path, { memoryBytes: 32 << 20 });
  await using other = await open(path, { memoryBytes: 32 << 20, valueEncoding: 'json', durability: 'process' });
  t.is(census().engines, 1);
  t.is(census().databases, 2);
  await other.put('a', { b: 1 });
  t.is(await db.get('a'), '{"b":1}');
  const options = [
    ['memoryBytes', { memoryBytes: 33 << 20 }],
    ['memoryBytes', {}],
    ['compression', { memoryBytes: 32 << 20, compression: 'none' }],
    ['syncIntervalMs', { memoryBytes: 32 << 20, syncIntervalMs: 5 }],
    ['memtable.maxLevel', { memoryBytes: 32 << 20, memtable: { maxLevel: 3 } }],
  ] as const;
  for (const [name, differing] of options) {
    await refuses(t, 'COPPICE_INVALID', () => open(path, differing), new RegExp(`^${name} differs from`));
  }
  await refuses(t, 'COPPICE_EXISTS', () => open(path, { memoryBytes: 32 << 20, errorIfExists: true }));
});

test.serial('opens of one absent folder at the same time share one engine', async (t) => {
  const path = join(await temporaryFolder(t), 'deep', 'db');
  const handles = await Promise.all(Array.from({ length: 20 }, () => open(path)));
  t.is(census().engines, 1);
  await Promise.all(handles.map((db, n) => db.put(`k${n}`, 'v')));
  t.is(await handles[0]?.count(), 20);
  await Promise.all(handles.map((db) => db.close()));
  t.is(census().engines, 0);
});
