/** Replicas: they follow a branch from its store alone, and are read meanwhile. */

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type Database, memoryStore, type ObjectStore, type OpenOptions, open } from '../../ts/index.js';
import { temporaryFolder } from '../support/database.js';
import { refuses } from '../support/errors.js';
import { HostileStore } from '../support/hostile.js';
import { runProgram } from '../support/program.js';

type Db = Database<string, string>;

const POLL_MS = 10;

interface Place {
  readonly store: ObjectStore;
  readonly folder: string;
  writer(options?: OpenOptions): Promise<Db>;
  replica(options?: OpenOptions): Promise<Db>;
}

async function place(t: ExecutionContext): Promise<Place> {
  const [store, folder] = [memoryStore(), await temporaryFolder(t)];
  return {
    store,
    folder,
    writer: (options) => open(join(folder, 'writer'), { store, durability: 'remote', ...options }),
    replica: (options) => open(join(folder, 'replica'), { store, readOnly: true, pollMs: POLL_MS, ...options }),
  };
}

/** A store, and which of its calls have been made. */
function watched(store: ObjectStore): { store: ObjectStore; calls: ReadonlySet<string> } {
  const calls = new Set<string>();
  const { location } = store;
  const said = <C extends keyof ObjectStore>(name: C): ObjectStore[C] => {
    calls.add(name);
    return store[name];
  };
  return {
    calls,
    store: {
      location,
      get: (...parameters) => said('get').apply(store, parameters),
      head: (...parameters) => said('head').apply(store, parameters),
      put: (...parameters) => said('put').apply(store, parameters),
      list: (...parameters) => said('list').apply(store, parameters),
      del: (...parameters) => said('del').apply(store, parameters),
    },
  };
}

/** Waits for a condition that nothing tells of. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 2));
}

test('a replica holds at once what the branch held when it was opened, and follows', async (t) => {
  const { writer, replica } = await place(t);
  const db = await writer({ history: true });
  await db.put('a', '1');
  await db.checkpoint();
  const { revision } = await db.put('a', '2');
  const reader = await replica();
  t.is(await reader.get('a'), '2');
  t.is(reader.revision, revision);
  const heard: number[] = [];
  reader.on('replicated', (event) => heard.push(event.revision));
  const snapshot = reader.snapshot();
  const later = await db.batch([
    { type: 'put', key: 'a', value: '3' },
    { type: 'put', key: 'b', value: '3' },
  ]);
  await reader.waitFor(later.revision, 'remote');
  t.deepEqual(await reader.entries().toArray(), [
    ['a', '3'],
    ['b', '3'],
  ]);
  t.deepEqual(heard, [later.revision]);
  t.is(await snapshot.get('a'), '2');
  snapshot.close();
  t.is(await reader.get('a', { at: revision }), '2');
  t.deepEqual(
    (await reader.history('a').toArray()).map((version) => version.type === 'put' && version.value),
    ['3', '2', '1'],
  );
  const { role, ready, behindMs = -1, unshipped } = reader.repository() ?? {};
  t.deepEqual({ role, ready, unshipped }, { role: 'following', ready: true, unshipped: 0 });
  t.true(behindMs >= 0);
  t.regex(reader.metrics(), /^coppice_branch_behind_seconds\{/m);
  t.deepEqual(await reader.close(), { unshipped: 0 });
  await db.put('a', '4');
  const again = await replica();
  t.is(await again.get('a'), '4');
  await again.close();
  await db.close();
});

test('a replica refuses every write, and writes nothing to the store', async (t) => {
  const { store, folder, writer, replica } = await place(t);
  const db = await writer({ history: true });
  const { revision } = await db.put('a', '1');
  const reads = watched(store);
  const reader = await replica({ store: reads.store });
  const writes: (() => unknown)[] = [
    () => reader.put('a', '2'),
    () => reader.del('a'),
    () => reader.delRange({}),
    () => reader.batch([{ type: 'put', key: 'a', value: '2' }]),
    () => reader.batch().put('a', '2').write(),
    () => reader.put('a', 'x'.repeat(2 << 20)),
    () => reader.touch('a', 1_000),
    () => reader.trim(revision),
    () => reader.checkpoint(),
  ];
  for (const write of writes) await refuses(t, 'COPPICE_READONLY', write);
  await reader.flush();
  await reader.compact();
  t.true((await reader.verify()).ok);
  const to = join(folder, 'copy');
  t.is((await reader.checkpoint({ to })).revision, revision);
  await reader.close();
  t.deepEqual([...reads.calls].sort(), ['get', 'list']);
  const copy = await open(to);
  t.is(await copy.get('a'), '1');
  await copy.close();
  await db.close();
});

test('a replica is read through an outage, and goes on when it is over', async (t) => {
  const { store, writer, replica } = await place(t);
  const db = await writer();
  await db.put('a', '1');
  const away = new HostileStore(store);
  const reader = await replica({ store: away });
  away.isAway = true;
  const { revision } = await db.put('a', '2');
  await until(() => (reader.repository()?.degraded.length ?? 0) > 0);
  t.is(await reader.get('a'), '1');
  t.true((reader.repository()?.behindMs ?? -1) >= 0);
  const waiting = reader.waitFor(revision, 'remote');
  away.isAway = false;
  await waiting;
  t.is(await reader.get('a'), '2');
  const closing = refuses(t, 'COPPICE_CLOSED', () => reader.waitFor(revision + 1, 'remote'));
  await reader.close();
  await closing;
  await db.close();
});

test('a replica whose log has been collected begins again, and shows no mixture', async (t) => {
  const { store, writer, replica } = await place(t);
  const db = await writer({ checkpoint: { keep: 0, keepMs: 0 }, history: true });
  const write = (n: string) => db.batch(['a', 'b', 'c'].map((key) => ({ type: 'put' as const, key, value: n })));
  await write('1');
  const away = new HostileStore(store);
  const reader = await replica({ store: away });
  const snapshot = reader.snapshot();
  const rows = reader.entries({ batchSize: 1 })[Symbol.asyncIterator]();
  t.deepEqual((await rows.next()).value, ['a', '1']);
  away.isAway = true;
  await until(() => (reader.repository()?.degraded.length ?? 0) > 0);
  for (const n of ['2', '3']) {
    await write(n);
    await db.checkpoint();
  }
  const { revision } = await write('4');
  away.isAway = false;
  await reader.waitFor(revision, 'remote');
  t.deepEqual(await reader.values().toArray(), ['4', '4', '4']);
  await refuses(t, 'COPPICE_COMPACTED', () => rows.next(), /begun again/);
  await refuses(t, 'COPPICE_COMPACTED', () => snapshot.get('a'), /begun again/);
  await refuses(t, 'COPPICE_COMPACTED', () => snapshot.entries().toArray());
  snapshot.close();
  await refuses(t, 'COPPICE_CLOSED', () => snapshot.get('a'));
  t.is(await reader.get('a', { at: revision }), '4');
  const left = reader.entries()[Symbol.asyncIterator]();
  await left.next();
  await reader.close();
  await refuses(t, 'COPPICE_CLOSED', () => reader.get('a'));
  await db.close();
});

test('replicas beside a writer that never rests show whole commits, and never an older one than before', async (t) => {
  const { writer, folder, store } = await place(t);
  const db = await writer({ checkpoint: { everySlots: 8, keep: 3, keepMs: 0 } });
  let isDone = false;
  let away = 0;
  let pauseMs = 0;
  const writing = (async () => {
    for (let n = 0; !isDone; n++) {
      const value = String(n);
      await db.batch(['a', 'b'].map((key) => ({ type: 'put' as const, key, value })));
      // Whoever collects faster than others grow back keeps them from it, on a machine that is busy for long.
      pauseMs = away > 0 ? 0 : Math.min(1_000, pauseMs * 1.1 + 10);
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  })();
  let begunAgain = 0;
  const reading = [1, 2].map(async (number) => {
    const far = new HostileStore(store);
    const options = { store: far, readOnly: true, pollMs: POLL_MS };
    const reader = await open(join(folder, `replica${number}`), options);
    let newest = 0;
    for (let round = 0; round < 2; round++) {
      far.isAway = true;
      away += 1;
      const { revision } = db;
      // Far enough for the log to be collected under the reader.
      await until(() => db.revision > revision + 60);
      far.isAway = false;
      away -= 1;
      const wanted = db.revision;
      while (newest < wanted) {
        try {
          const [[, a] = [], [, b] = []] = await reader.entries().toArray();
          t.is(a, b);
          t.true(reader.revision >= newest, `${reader.revision} after ${newest}`);
          newest = reader.revision;
          const [c, d] = await reader.getMany(['a', 'b']);
          t.is(c, d);
        } catch (error) {
          t.true(['COPPICE_BUSY', 'COPPICE_COMPACTED'].includes((error as { code: string }).code), String(error));
          begunAgain += 1;
        }
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    }
    await reader.close();
  });
  await Promise.all(reading);
  isDone = true;
  await writing;
  await db.close();
  t.log(`reads refused because a replica began again: ${begunAgain}`);
});

test('a replica of what is not there is refused, and its folder belongs to nothing', async (t) => {
  const { store, folder, writer, replica } = await place(t);
  await refuses(t, 'COPPICE_NOT_FOUND', () => replica(), /no repository/);
  const db = await writer();
  await refuses(t, 'COPPICE_NOT_FOUND', () => replica({ branch: 'man' }), /no branch "man"/);
  const reader = await replica();
  await refuses(t, 'COPPICE_LOCKED', () => replica());
  await reader.close();
  await db.close();
  await refuses(t, 'COPPICE_INVALID', () => replica({ standby: true }), /"standby" is not for databases with readOnly/);
  await refuses(t, 'COPPICE_INVALID', () => replica({ checkpoint: {} }), /"checkpoint"/);
  await refuses(t, 'COPPICE_INVALID', () => replica({ pollMs: 1 }), /^pollMs must be/);
  await refuses(t, 'COPPICE_INVALID', () => open(join(folder, 'none'), { pollMs: 100 }), /with a store/);
  await refuses(t, 'COPPICE_ABORTED', () => {
    const away = new HostileStore(store);
    away.isAway = true;
    return replica({ store: away, signal: AbortSignal.timeout(50) });
  });
});

test('a replica that is open does not keep its process alive, and one that is waited for does', async (t) => {
  const { folder } = await place(t);
  const store = join(folder, 'store');
  const db = await open(join(folder, 'writer'), { store, durability: 'remote' });
  const { revision } = await db.put('a', '1');
  const read = (wanted: number) =>
    runProgram(
      folder,
      `const db = await open(path + '/replica', { store: path + '/store', readOnly: true, pollMs: 50 });
       console.log('opened', await db.get('a'));
       const wanted = ${wanted};
       if (wanted > 0) db.waitFor(wanted, 'remote').then(async () => console.log('waited', await db.get('a')));`,
    );
  const first = await read(0);
  t.is(first.code, 0, first.output);
  t.regex(first.output, /^opened 1$/m);
  const reading = read(revision + 1);
  await db.put('a', '2');
  const second = await reading;
  t.is(second.code, 0, second.output);
  t.regex(second.output, /^waited 2$/m);
  await db.close();
});

test('the disk of a writer is followed once all of it is in the store, and written again after', async (t) => {
  const { store, folder, writer, replica } = await place(t);
  const away = new HostileStore(store);
  const db = await writer({ store: away, durability: 'disk' });
  await db.put('a', '1', { durability: 'remote' });
  away.isAway = true;
  await db.put('a', 'not shipped');
  await db.flush();
  t.deepEqual(await db.close({ timeoutMs: 0 }), { unshipped: 1 });
  const path = join(folder, 'writer');
  const follow = () => open(path, { store, readOnly: true, pollMs: POLL_MS });
  await refuses(t, 'COPPICE_INVALID', follow, /not in the store/);
  const again = await writer();
  t.is(await again.get('a'), 'not shipped');
  await again.close();
  const reader = await follow();
  t.is(await reader.get('a'), 'not shipped');
  await reader.close();
  const other = await replica();
  await rm(path, { recursive: true });
  const third = await writer();
  const { revision } = await third.put('a', '3');
  await other.waitFor(revision, 'remote');
  t.is(await other.get('a'), '3');
  await other.close();
  const promoted = await open(join(folder, 'replica'), { store, durability: 'remote' });
  t.is(await promoted.get('a'), '3');
  await promoted.put('a', '4');
  await refuses(t, 'COPPICE_FENCED', () => third.put('a', 'lost'));
  await promoted.close();
  await third.close();
});
