/** Branches of branches, on stores: what is in them, what they cost, and what becomes of them. */

import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import test, { type ExecutionContext, type TestFn } from 'ava';
import {
  type Database,
  fsStore,
  memoryStore,
  type ObjectStore,
  type OpenOptions,
  open,
  restore,
  s3,
} from '../../ts/index.js';
import { forkBranch, mendBranch, removeBranch } from '../../ts/repository/branches.js';
import { branchesIn } from '../../ts/repository/index.js';
import { fork, Hand, type Until } from '../../ts/repository/protocol/index.js';
import { noCounts } from '../../ts/repository/shell/counts.js';
import { carryOut, readHead } from '../../ts/repository/shell/index.js';
import { verifyBranch } from '../../ts/repository/verify.js';
import { temporaryFolder } from '../support/database.js';
import { refuses } from '../support/errors.js';
import { newBucket, testWithServer } from '../support/s3.js';
import { dyingAfter } from './dying.js';
import { openBranch, temporaryPlace } from './shell/branch.js';

interface Place {
  readonly store: ObjectStore;
  readonly opened: (branch: string, disk?: string, options?: OpenOptions) => Promise<Texts>;
  readonly lose: (disk: string) => Promise<void>;
}

async function place(t: ExecutionContext, store: ObjectStore): Promise<Place> {
  const folder = await temporaryFolder(t);
  return {
    store,
    opened: (branch, disk = branch, options = {}) =>
      open(join(folder, disk), { store, branch, durability: 'remote', ...options }),
    lose: (disk) => rm(join(folder, disk), { recursive: true }),
  };
}

type Texts = Database<string, string>;
const all = (db: Texts) => db.entries().toArray();
const forked = ({ store }: Place, parent: string, name: string, at: Until | null = null) =>
  forkBranch(store, { parent, name, at });

/** Every object of a branch that is there. */
async function objectsOf(store: ObjectStore, branchId: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of store.list(`d/${branchId}/`)) found.push(key);
  return found;
}

/** A store whose ETags are what those of S3 are. */
function byMd5(store: ObjectStore): ObjectStore {
  const of = (body: Uint8Array) => `"${createHash('md5').update(body).digest('hex')}"`;
  const [get, put] = [store.get.bind(store), store.put.bind(store)];
  store.get = async (key, options) => {
    const found = await get(key, options);
    return found && { ...found, etag: of(found.body) };
  };
  store.put = async (key, body, options = {}) => {
    const there = options.ifMatch === undefined ? undefined : await get(key);
    const etag = there && (of(there.body) === options.ifMatch ? there.etag : 'another');
    await put(key, body, { ...options, ...(options.ifMatch !== undefined && { ifMatch: etag ?? 'none' }) });
    return { etag: of(body) };
  };
  return store;
}

const stores: [kind: string, test: TestFn, make: (t: ExecutionContext) => Promise<ObjectStore>][] = [
  ['memory', test, async () => memoryStore()],
  ['folder', test, async (t) => fsStore(await temporaryFolder(t))],
  ['s3', testWithServer, async () => s3(await newBucket())],
];

for (const [kind, testThere, make] of stores) {
  testThere(
    `${kind}: a branch holds what its parent held at that moment, and from then on each goes its own way`,
    async (t) => {
      const here = await place(t, await make(t));
      const main = await here.opened('main');
      await main.put('a', '1');
      await main.checkpoint();
      const { revision } = await main.put('a', '2');
      await main.put('a', '3');
      await forked(here, 'main', 'then', { revision });
      await forked(here, 'main', 'before', { revision: revision - 1 });
      await main.put('b', 'main');
      await forked(here, 'main', 'now');
      await main.put('c', 'later');

      const [then, before, now] = [await here.opened('then'), await here.opened('before'), await here.opened('now')];
      t.deepEqual(await all(then), [['a', '2']]);
      t.deepEqual(await all(before), [['a', '1']]);
      t.deepEqual(await all(now), [
        ['a', '3'],
        ['b', 'main'],
      ]);
      t.is((await then.put('a', 'other')).revision, revision + 1);
      t.is(await main.get('a'), '3');
      await then.checkpoint();
      await Promise.all([main, then, before, now].map((db) => db.close()));

      // Opened again; and on a disk that knows nothing.
      for (const disk of ['then', 'elsewhere']) {
        const again = await here.opened('then', disk);
        t.deepEqual(await all(again), [['a', 'other']]);
        await again.close();
      }
      for (const name of ['main', 'then', 'before', 'now']) {
        t.deepEqual((await verifyBranch(here.store, name, true)).problems, []);
      }
    },
  );

  testThere(`${kind}: branches of branches of branches, with their parents deleted, are what they were`, async (t) => {
    const here = await place(t, await make(t));
    let names = ['main', 'one', 'two', 'three'];
    for (const [n, name] of names.entries()) {
      if (n > 0) await forked(here, names[n - 1] as string, name);
      const db = await here.opened(name);
      await db.put(name, String(n));
      if (n % 2 === 0) await db.checkpoint();
      await db.close();
    }
    // One that nobody has ever opened, of one that was.
    await forked(here, 'three', 'four');
    for (const name of ['two', 'main', 'one']) await removeBranch(here.store, name);
    await here.lose('three');
    const expected = names.map((name, n) => [name, String(n)]).sort();
    for (const name of ['four', 'three']) {
      const db = await here.opened(name);
      t.deepEqual(await all(db), expected as never);
      await db.close();
    }
    names = (await branchesIn(here.store)).map(({ name }) => name);
    t.deepEqual(names, ['four', 'three']);
    // Nobody gives a name again that others have grown from.
    await refuses(t, 'COPPICE_EXISTS', () => forked(here, 'three', 'two'), /grown from it/);
    for (const name of ['three', 'four']) await removeBranch(here.store, name);
    const left: string[] = [];
    for await (const { key } of here.store.list('d/')) if (!key.includes('/wal/')) left.push(key);
    t.deepEqual(left, []);
  });
}

const costs = [
  ['memory', test, async () => byMd5(memoryStore())],
  ['s3', testWithServer, async () => s3(await newBucket())],
] as const;
for (const [kind, testThere, make] of costs) {
  testThere(
    `${kind}: a branch costs three requests, or three and a list if nobody has given its parent up`,
    async (t) => {
      const here = await place(t, await make());
      const main = await here.opened('main');
      const { revision } = await main.put('a', '1');
      await main.checkpoint();
      await main.put('a', '2');
      const cost = async (name: string, at: Until | null) => {
        const counts = noCounts();
        await forkBranch(here.store, { parent: 'main', name, at }, { counts });
        const { get, put, list, head, delete: del } = counts.requests;
        return { get, put, list, other: head + del };
      };
      const three = { get: 1, put: 2, list: 0, other: 0 };
      // Below the newest checkpoint, and at the end beside an owner that this process does not know.
      t.deepEqual(await cost('below', { revision }), three);
      t.deepEqual(await cost('end', null), { ...three, list: 1 });
      t.deepEqual(await cost('time', { timeMs: Date.now() }), { ...three, list: 1 });
      await main.close();
      t.deepEqual(await cost('closed', null), three);
      // A revision that only the log has is looked for there.
      t.deepEqual(await cost('log', { revision: revision + 1 }), { ...three, get: 2 });
      for (const [name, value] of Object.entries({ below: '1', end: '2', time: '2', closed: '2', log: '2' })) {
        const db = await here.opened(name);
        t.deepEqual(await all(db), [['a', value]]);
        await db.close();
      }
    },
  );
}

test('it costs three for the owner of its parent, which mends what others have left when it takes a checkpoint', async (t) => {
  const { store: memory, folder } = await temporaryPlace(t);
  const store = byMd5(memory);
  const owner = await openBranch(store, folder);
  await owner.write('a');
  const counts = noCounts();
  await forkBranch(store, { parent: 'main', name: 'b', at: null, known: owner.shell.tip }, { counts });
  t.deepEqual(counts.requests, { get: 1, put: 2, list: 0, head: 0, delete: 0 });
  const job = fork(new Hand('killed'), { parent: 'main', name: 'c', at: null });
  await t.throwsAsync(carryOut(store, dyingAfter(3, job)), { message: 'killed' });
  const pins = async () => (await readHead(store, 'heads/main'))?.pins.map(({ name, state }) => `${name} ${state}`);
  t.deepEqual(await pins(), ['b reserved', 'c reserved']);
  await owner.write('b');
  await owner.shell.checkpoint();
  // It is done beside the checkpoint, and nobody waits for it.
  while ((await pins())?.join() !== 'b live') await setImmediate();
  await owner.shell.close();

  const b = await openBranch(store, `${folder}-b`, { branch: 'b' });
  t.deepEqual(b.engine.texts, ['a']);
  await b.shell.close();
});

test('t4 H8: branches, and branches of those, outlive every disk, and so do those who follow them', async (t) => {
  const here = await place(t, memoryStore());
  const lines = [
    ['main', null],
    ['b', 'main'],
    ['c', 'b'],
  ] as const;
  for (const [name, parent] of lines) {
    if (parent !== null) await forked(here, parent, name);
    const db = await here.opened(name);
    for (let n = 0; n < 20; n++) await db.put(`${name}/${n}`, String(n));
    if (name !== 'b') await db.checkpoint();
    await db.put('last', name);
    await db.close();
    await here.lose(name);
  }
  for (const [name] of lines) {
    for (const [disk, options] of [
      [name, {}],
      [`${name}.replica`, { readOnly: true }],
    ] as const) {
      for (let opens = 0; opens < 2; opens++) {
        const db = await here.opened(name, disk, options);
        t.is(await db.get('last'), name);
        t.is(await db.count(), 1 + 20 * (1 + lines.findIndex(([other]) => other === name)));
        await db.close();
      }
    }
  }
});

test('under the name of a branch that is gone a database begins, also one that was there before', async (t) => {
  const here = await place(t, memoryStore());
  const main = await here.opened('main');
  for (const name of ['b', 'c']) {
    await forked(here, 'main', name);
    await (await here.opened(name)).close();
    await removeBranch(here.store, name);
  }
  const empty = await here.opened('b', 'empty', { errorIfExists: true });
  t.deepEqual(await all(empty), []);
  const folder = join(await temporaryFolder(t), 'db');
  const alone = await open(folder);
  await alone.put('a', 'alone');
  await alone.close();
  const adopted = await open(folder, { store: here.store, branch: 'c', durability: 'remote' });
  t.deepEqual(await all(adopted), [['a', 'alone']]);
  const infos = await branchesIn(here.store);
  // Each was opened once, and deleted: two epochs that are not given again.
  t.deepEqual(
    infos.map(({ name, epoch }) => [name, epoch]),
    [
      ['b', 3],
      ['c', 3],
      ['main', 1],
    ],
  );
  await Promise.all([main, empty, adopted].map((db) => db.close()));
});

test('what cannot be made or deleted is refused', async (t) => {
  const here = await place(t, memoryStore());
  const main = await here.opened('main');
  const { revision } = await main.put('a', '1');
  await refuses(t, 'COPPICE_NOT_FOUND', () => forked(here, 'none', 'b'), /no branch "none"/);
  await refuses(t, 'COPPICE_NOT_FOUND', () => removeBranch(here.store, 'none'), /no branch "none"/);
  await refuses(t, 'COPPICE_FUTURE_REVISION', () => forked(here, 'main', 'b', { revision: revision + 1 }));
  await forked(here, 'main', 'b');
  await refuses(t, 'COPPICE_EXISTS', () => forked(here, 'main', 'b'), /a branch "b"/);
  await refuses(t, 'COPPICE_EXISTS', () => forked(here, 'b', 'main'));
  t.deepEqual(
    (await branchesIn(here.store)).map(({ name }) => name),
    ['b', 'main'],
  );
  await main.close();
});

test('whoever has a branch open that is deleted is fenced, and its name begins anew', async (t) => {
  const here = await place(t, memoryStore());
  const main = await here.opened('main');
  await main.put('a', '1');
  await forked(here, 'main', 'b');
  const b = await here.opened('b');
  await b.put('b', 'old');
  const id = (await branchesIn(here.store))[0]?.id as string;
  await removeBranch(here.store, 'b');
  await refuses(t, 'COPPICE_FENCED', () => b.put('b', 'lost'));
  await b.close().catch(() => {});
  t.true((await objectsOf(here.store, id)).every((key) => key.includes('/wal/')));
  await refuses(t, 'COPPICE_NOT_FOUND', () => here.opened('b'), /"b" in memory has been deleted/);
  await refuses(t, 'COPPICE_NOT_FOUND', () => verifyBranch(here.store, 'b', false));

  await forked(here, 'main', 'b');
  const again = await here.opened('b', 'other');
  t.deepEqual(await all(again), [['a', '1']]);
  t.not((await branchesIn(here.store))[0]?.id, id);
  // A disk of the one that was is none of the one that is.
  await refuses(t, 'COPPICE_STORE', () => here.opened('b'), /another one/);
  await again.close();
  await main.close();
});

test('the name of a dropped branch is free when the last that has grown from it needs nothing of it any more', async (t) => {
  const here = await place(t, memoryStore());
  const main = await here.opened('main');
  await main.put('a', '1');
  await main.checkpoint();
  await forked(here, 'main', 'one');
  await forked(here, 'one', 'two');
  await removeBranch(here.store, 'one');
  await refuses(t, 'COPPICE_EXISTS', () => forked(here, 'main', 'one'));
  const two = await here.opened('two');
  await two.put('a', '2');
  await two.compact();
  // Its tables are its own now: it lets go beside the checkpoint that says so, and the collection that comes with that.
  await two.checkpoint();
  while ((await readHead(here.store, 'heads/one'))?.state !== 'gone') await setImmediate();
  await forked(here, 'main', 'one');
  t.deepEqual(await all(two), [['a', '2']]);
  await two.close();
  await main.close();
});

test('a fork that is killed between any two requests leaves nothing that a mend does not take away', async (t) => {
  const here = await place(t, memoryStore());
  const main = await here.opened('main');
  await main.put('a', '1');
  await main.close();
  const pins = async () =>
    JSON.parse(Buffer.from((await here.store.get('heads/main'))?.body as Uint8Array).toString()).pins;
  for (const requests of [1, 2, 3]) {
    const name = `b${requests}`;
    const job = fork(new Hand(`hand ${requests}`), { parent: 'main', name, at: null });
    await t.throwsAsync(carryOut(here.store, dyingAfter(requests, job)), { message: 'killed' });
    await mendBranch(here.store, 'main');
    t.deepEqual(
      (await pins()).map(({ name, state }: never) => [name, state]),
      requests === 3 ? [['b3', 'live']] : [],
    );
    // The name can be had all the same.
    if (requests < 3) {
      await forked(here, 'main', name);
      await removeBranch(here.store, name);
    }
  }
  const b3 = await here.opened('b3');
  t.deepEqual(await all(b3), [['a', '1']]);
  await b3.close();
});

test('a replica follows a branch, and a copy is made of any moment of it', async (t) => {
  const here = await place(t, memoryStore());
  const main = await here.opened('main');
  const { revision } = await main.put('a', '1');
  await main.put('a', '2');
  await forked(here, 'main', 'b');
  const replica = await here.opened('b', 'replica', { readOnly: true } as never);
  t.deepEqual(await all(replica), [['a', '2']]);
  await replica.close();
  const b = await here.opened('b');
  await b.put('a', '3');
  const to = join(await temporaryFolder(t), 'copy');
  await restore(here.store, { to, branch: 'b', revision: revision + 2 });
  const copy = await open(to);
  t.deepEqual(await all(copy), [['a', '3']]);
  await Promise.all([copy, b, main].map((db) => db.close()));
});
