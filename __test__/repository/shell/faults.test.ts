/** What a branch does when the store, or the disk, does not do what was asked. */

import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { CoppiceError, memoryStore, type ObjectStore, type Progress } from '../../../ts/index.js';
import { branchesIn } from '../../../ts/repository/inspect.js';
import { type Head, listName, manifestName, type Named } from '../../../ts/repository/protocol/index.js';
import { Ahead } from '../../../ts/repository/shell/ahead.js';
import { Budget } from '../../../ts/repository/shell/budget.js';
import { Counted } from '../../../ts/repository/shell/counted.js';
import { noCounts } from '../../../ts/repository/shell/counts.js';
import { getHead } from '../../../ts/repository/shell/head.js';
import { Heads } from '../../../ts/repository/shell/heads.js';
import type { ShellOptions } from '../../../ts/repository/shell/options.js';
import { Place } from '../../../ts/repository/shell/place.js';
import { temporaryFolder } from '../../support/database.js';
import { refuses } from '../../support/errors.js';
import { HostileStore } from '../../support/hostile.js';
import { openBranch, temporaryPlace } from './branch.js';

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Puts something else in the place of an object. */
async function replace(store: ObjectStore, part: string, change: (body: Uint8Array) => Uint8Array): Promise<string> {
  for await (const { key } of store.list('d/')) {
    if (!key.includes(part)) continue;
    const found = await store.get(key);
    await store.put(key, change(Uint8Array.from(found?.body ?? [])), {});
    return key;
  }
  throw new Error(`there is no ${part}`);
}

const flip = (body: Uint8Array) => {
  body[body.length - 1] = (body.at(-1) as number) ^ 1;
  return body;
};

test('an outage is waited out: commits wait, the status says why, and nothing has to be opened again', async (t) => {
  const { store, folder } = await temporaryPlace(t);
  const away = new HostileStore(store);
  const { shell, engine, write } = await openBranch(away, folder);
  await write('a');
  await shell.checkpoint();
  away.isAway = true;
  const waiting = [write('b'), write('c')];
  await until(() => shell.status().degraded.some(({ failures }) => failures > 2));
  const { role, ready, unshipped, degraded, counts } = shell.status();
  t.deepEqual({ role, ready, unshipped }, { role: 'leading', ready: true, unshipped: 2 });
  t.true(shell.status().unshippedBytes > 0);
  t.deepEqual(
    degraded.filter(({ doing }) => doing === 'shipping').map(({ why }) => why),
    ['503'],
  );
  t.true(counts.failures > 2);
  away.isAway = false;
  await Promise.all(waiting);
  t.is(shell.status().unshipped, 0);
  t.deepEqual(engine.texts, ['a', 'b', 'c']);
  await shell.close();
});

test('a close that cannot reach the store ends when it is told to, and says what is left', async (t) => {
  const { store, folder } = await temporaryPlace(t);
  const away = new HostileStore(store);
  const { shell, engine } = await openBranch(away, folder);
  away.isAway = true;
  engine.commit('a');
  t.is(await shell.close(50), 1);
  away.isAway = false;
  const again = await openBranch(away, folder);
  await again.shell.stored(2);
  await again.shell.close();
});

test('what an operator has to mend is told to whoever opens, and waited out by whoever leads', async (t) => {
  const { store, folder } = await temporaryPlace(t);
  let isForbidden = false;
  const put = store.put.bind(store);
  store.put = async (...parameters) => {
    const details = { reason: 'forbidden', outcome: 'refused', retry: false };
    if (isForbidden) throw new CoppiceError('STORE', 'allow them to put', { details });
    return put(...parameters);
  };
  const { shell, write } = await openBranch(store, folder);
  isForbidden = true;
  const waiting = write('a');
  await until(() => shell.status().degraded.length > 0);
  await refuses(t, 'COPPICE_STORE', () => openBranch(store, `${folder}2`), /allow them to put/);
  isForbidden = false;
  await waiting;
  await shell.close();
});

test('opening goes on trying until its signal says that it should not', async (t) => {
  const { store, folder } = await temporaryPlace(t);
  const away = new HostileStore(store);
  await (await openBranch(away, folder)).shell.close();
  away.isAway = true;
  await refuses(t, 'COPPICE_ABORTED', () => openBranch(away, folder, { signal: AbortSignal.timeout(80) }));
  setTimeout(() => {
    away.isAway = false;
  }, 80);
  await (await openBranch(away, folder)).shell.close();
});

test('an outage is waited out on an empty disk too, and said', async (t) => {
  const { store, folder } = await temporaryPlace(t);
  const away = new HostileStore(store);
  // A store that holds nothing yet, one that holds the branch, a replica, a copy.
  const opens: Partial<ShellOptions>[] = [{}, {}, { mode: 'replica' }, { mode: 'replica', until: { revision: 2 } }];
  for (const [n, options] of opens.entries()) {
    away.isAway = true;
    const heard: (string | undefined)[] = [];
    const signal = AbortSignal.timeout(30);
    await refuses(t, 'COPPICE_ABORTED', () => openBranch(away, `${folder}${n}`, { ...options, signal }));
    const onProgress = ({ phase, why }: Progress) => {
      if (phase === 'waiting') heard.push(why);
      away.isAway = heard.length < 3;
    };
    const branch = await openBranch(away, `${folder}${n}`, { ...options, onProgress });
    t.true(heard.length >= 3 && heard.every((why) => why === '503'), `${heard}`);
    if (n === 0) await branch.write('a');
    t.deepEqual(branch.engine.texts, ['a']);
    await branch.shell.close();
  }
});

test('what no waiting mends is told to whoever opens on an empty disk', async (t) => {
  const { store, folder } = await temporaryPlace(t);
  const forbidden = new CoppiceError('STORE', 'forbidden', { details: { reason: 'forbidden', retry: false } });
  const none = { ...store, get: () => Promise.reject(forbidden) } as never;
  await refuses(t, 'COPPICE_STORE', () => openBranch(none, folder), /^forbidden$/);
  const careless = memoryStore();
  careless.put = (key, body) => store.put(key, body);
  careless.get = (key, options) => store.get(key, options);
  const unsound = await refuses(t, 'COPPICE_STORE', () => openBranch(careless, folder), /cannot hold a repository/);
  t.is(unsound.details?.retry, false);
});

test('a damaged slot is not believed: it is read again, and told to whoever opens if it stays so', async (t) => {
  const { store, folder } = await temporaryPlace(t);
  const first = await openBranch(store, folder);
  await first.write('a');
  await first.shell.close();
  await rm(folder, { recursive: true });
  await replace(store, '/wal/00000000000000000002', flip);
  await refuses(t, 'COPPICE_CORRUPT', () => openBranch(store, folder), /wal\/0*2" is damaged/);
  const opening = openBranch(store, folder);
  await new Promise((resolve) => setTimeout(resolve, 20));
  await replace(store, '/wal/00000000000000000002', flip);
  const again = await opening;
  t.deepEqual(again.engine.texts, ['a']);
  await again.shell.close();
});

test('a damaged table is not installed', async (t) => {
  const { store, folder } = await temporaryPlace(t);
  const first = await openBranch(store, folder);
  await first.write('a');
  await first.shell.checkpoint();
  await first.shell.close();
  await rm(folder, { recursive: true });
  await replace(store, '/tables/', flip);
  await refuses(t, 'COPPICE_CORRUPT', () => openBranch(store, folder), /is damaged/);
  await replace(store, '/tables/', flip);
  const again = await openBranch(store, folder);
  t.deepEqual(again.engine.texts, ['a']);
  await again.shell.close();
});

test('a folder that was being filled when the process ended begins anew', async (t) => {
  const { store, folder } = await temporaryPlace(t);
  const first = await openBranch(store, folder);
  await first.write('a');
  await first.shell.close();
  const place = (await Place.of(folder)) as Place;
  await place.clear();
  await writeFile(join(folder, 'DATABASE'), JSON.stringify({ tables: [], log: [] }));
  const again = await openBranch(store, folder);
  t.deepEqual(again.engine.texts, ['a']);
  await again.shell.close();
});

test('an owner that is deposed in the middle of a checkpoint is told that it is fenced', async (t) => {
  const { store, folder } = await temporaryPlace(t);
  const ended: string[] = [];
  const on: ShellOptions['on'] = (event) => event.type === 'ended' && ended.push(event.error.code);
  const older = await openBranch(store, folder, { on });
  await older.write('a');
  await older.shell.checkpoint();
  await older.write('b');
  const { engine } = older;
  let isFlushing = false;
  // The addon does the same: what is under way when it is closed ends so.
  const closed = new Promise<never>((_, reject) => {
    const close = engine.close.bind(engine);
    engine.close = async () => {
      await close();
      reject(new CoppiceError('CLOSED', 'this database is closed'));
    };
  });
  engine.flush = () => {
    isFlushing = true;
    return closed;
  };
  const publishing = refuses(t, 'COPPICE_FENCED', () => older.shell.checkpoint());
  await until(() => isFlushing);
  const newer = await openBranch(store, `${folder}2`);
  await refuses(t, 'COPPICE_FENCED', () => older.write('lost'));
  await publishing;
  t.deepEqual(ended, ['COPPICE_FENCED']);
  await older.shell.close();
  await newer.shell.close();
});

test('a head is only replaced by the ETag that was its own', async (t) => {
  const answers = [
    { body: Buffer.from('old'), etag: '"2"' },
    { body: Buffer.from('new'), etag: '"2"' },
  ];
  const nameless = { body: Buffer.from('root'), etag: '"1"' };
  const get = async (key: string) => (key === 'db.json' ? nameless : answers.shift());
  t.is(`${(await getHead({ get }, 'heads/main'))?.body}`, 'new');
  // What its content names needs no second look.
  const md5 = '"22af645d1859cb5ca6da0c484f1f37ea"';
  const sure = [{ body: Buffer.from('new'), etag: md5 }];
  t.is(`${(await getHead({ get: async () => sure.shift() }, 'heads/main'))?.body}`, 'new');
  // And where others are named by their content, an answer that is not is never believed.
  const root = { body: Buffer.from('new'), etag: md5 };
  const old = { body: Buffer.from('old'), etag: md5 };
  const busy = [old, old, old, { body: Buffer.from('new'), etag: md5 }];
  const read = async (key: string) => (key === 'db.json' ? root : busy.shift());
  t.is(`${(await getHead({ get: read }, 'heads/main'))?.body}`, 'new');
  let reads = 0;
  const restless = {
    get: async () => {
      reads += 1;
      return { body: Buffer.from('x'), etag: `"${reads}"` };
    },
  };
  await refuses(t, 'COPPICE_STORE', () => getHead(restless, 'heads/main'), /changes faster/);
});

test('a head stays small, and its older checkpoints are read from the list that it names', async (t) => {
  const { store, folder } = await temporaryPlace(t);
  const policy = { keep: 100, retainMs: 0 };
  const branch = await openBranch(store, folder, { policy });
  for (let n = 0; n < 40; n++) {
    await branch.write(`${n}`);
    await branch.shell.checkpoint();
  }
  const lists: string[] = [];
  for await (const { key } of store.list('d/')) if (key.includes('/lists/')) lists.push(key);
  t.is(lists.length, 1);
  const stored = JSON.parse(Buffer.from((await store.get('heads/main'))?.body as Uint8Array).toString());
  t.is(stored.retained.length, 32);
  t.is(stored.older.key, lists[0]);
  // Another one goes on from there, and any of them can still be restored.
  const next = await openBranch(store, `${folder}2`, { policy });
  await next.write('next');
  await next.shell.checkpoint();
  await next.shell.close();
  const copy = await openBranch(store, `${folder}3`, { mode: 'replica', until: { revision: 4 } });
  t.deepEqual(copy.engine.texts, ['0', '1', '2']);
  await copy.shell.close();
  await branch.shell.close();
});

test('a list goes with the head that was replaced, whatever head is read meanwhile', async (t) => {
  const { store, folder } = await temporaryPlace(t);
  await (await openBranch(store, folder)).shell.close();
  const heads = () => new Heads(new Counted(store, noCounts(), new AbortController().signal));
  const [ours, theirs] = [heads(), heads()];
  const sendOver = (etag: string) => async (body: Uint8Array) =>
    (await store.put('heads/main', body, { ifMatch: etag })).etag;
  const longer = (head: Head, nonce: string) => {
    const named = { epoch: 1, n: 1, sha256: nonce, seq: 1, revision: 2, timeMs: 0, floor: 1 };
    return { ...head, nonce, retained: [...head.retained, ...Array<Named>(33).fill(named)] };
  };
  const first = await ours.get('heads/main');
  const head = longer(first?.head as Head, 'ours');
  await ours.put(head, first?.etag as string, async (body) => {
    const { etag } = await store.put('heads/main', body, { ifMatch: first?.etag as string });
    // Somebody else replaces it before we hear that it has arrived, and we look who owns it.
    const seen = await theirs.get('heads/main');
    await theirs.put(longer(seen?.head as Head, 'theirs'), seen?.etag as string, sendOver(seen?.etag as string));
    await ours.get('heads/main');
    return etag;
  });
  t.is((await heads().get('heads/main'))?.head.retained.length, 66);
});

test('lists that could not be deleted are collected by the next owner, and none that a head names', async (t) => {
  const { store, folder } = await temporaryPlace(t);
  const policy = { keep: 100, retainMs: 0 };
  const lists = async () => {
    const found: string[] = [];
    for await (const { key } of store.list('d/')) if (key.includes('/lists/')) found.push(key);
    return found;
  };
  const { del } = store;
  store.del = () => Promise.reject(new CoppiceError('STORE', '503', { details: { retry: true } }));
  const first = await openBranch(store, folder, { policy });
  for (let n = 0; n < 36; n++) {
    await first.write(`${n}`);
    await first.shell.checkpoint();
  }
  await first.shell.close();
  t.true((await lists()).length > 2, `${await lists()}`);
  store.del = del;

  const second = await openBranch(store, folder, { policy });
  const heads = new Heads(new Counted(store, noCounts(), new AbortController().signal));
  const found = await heads.get('heads/main');
  const stored = JSON.parse(Buffer.from((await store.get('heads/main'))?.body as Uint8Array).toString());
  t.is(found?.head.epoch, 2);
  t.regex(stored.older.key, /\/lists\/0000000001-/, 'the list of the owner before is good enough');
  t.false(heads.leftOf(await lists()).includes(stored.older.key));
  t.is(heads.leftOf(await lists()).length, (await lists()).length - 1);
  t.deepEqual(heads.leftOf([listName(stored.branchId, 2, 'a'), manifestName(stored.branchId, { epoch: 1, n: 1 })]), []);
  await second.write('second');
  await second.shell.checkpoint();
  const after = JSON.parse(Buffer.from((await store.get('heads/main'))?.body as Uint8Array).toString());
  t.deepEqual(await lists(), [after.older.key]);
  await second.shell.close();
});

test('a head that is damaged is told to whoever opens, and waited out by whoever leads', async (t) => {
  const { store, folder } = await temporaryPlace(t);
  const branch = await openBranch(store, folder, { checkpoint: { everyBytes: 1 << 20, everySlots: 1000 } });
  const whole = (await store.get('heads/main'))?.body as Uint8Array;
  const { retained: _, ...lacking } = JSON.parse(Buffer.from(whole).toString());
  await store.put('heads/main', Buffer.from(JSON.stringify(lacking)), {});
  const error = await refuses(t, 'COPPICE_CORRUPT', () => openBranch(store, `${folder}2`), /retained is wrong/);
  t.is(error.details?.key, 'heads/main');
  await refuses(t, 'COPPICE_CORRUPT', () => branchesIn(store), /"heads\/main" is damaged/);
  // An owner looks at the head every sixteen slots.
  for (let n = 0; n < 40; n++) await branch.write(`${n}`);
  await until(() => branch.shell.status().degraded.some(({ why }) => /retained is wrong/.test(why)));
  t.is(branch.shell.status().role, 'leading');
  await store.put('heads/main', whole, {});
  await until(() => branch.shell.status().degraded.length === 0);
  await branch.shell.close();
});

test('slots that exist are fetched before they are asked for, and what was not there is asked for again', async (t) => {
  const there = new Map(['a', 'b', 'c'].map((key) => [key, { body: Buffer.from(key), etag: key }]));
  const asked: string[] = [];
  const ahead = new Ahead(async (key) => {
    asked.push(key);
    return there.get(key);
  });
  await ahead.get(['a', 'b', 'c', 'd']);
  t.deepEqual(asked, ['a', 'b', 'c', 'd']);
  await ahead.get(['b', 'c', 'd']);
  t.deepEqual(asked.slice(4), ['d']);
  await ahead.get(['c', 'd']);
  there.set('d', { body: Buffer.from('d'), etag: 'd' });
  asked.length = 0;
  t.is((await ahead.get(['d']))?.etag, 'd');
  t.deepEqual(asked, ['d']);
});

test('so many transfers and bytes are on their way at once, and one that is larger alone', async (t) => {
  const budget = new Budget();
  let [now, most, bytesNow, bytesMost] = [0, 0, 0, 0];
  const transfer = (bytes: number) =>
    budget.take(bytes, async () => {
      now += 1;
      bytesNow += bytes;
      most = Math.max(most, now);
      bytesMost = Math.max(bytesMost, bytesNow);
      await new Promise((resolve) => setImmediate(resolve));
      now -= 1;
      bytesNow -= bytes;
    });
  await Promise.all(Array.from({ length: 100 }, () => transfer(1)));
  t.is(most, 16);
  await Promise.all(Array.from({ length: 10 }, () => transfer(25 << 20)));
  t.is(bytesMost, 50 << 20);
  await transfer(1 << 30);
});

test('what a folder remembers outlives the process as a whole', async (t) => {
  const folder = await temporaryFolder(t);
  t.is(await Place.of(folder), undefined);
  const place = await Place.make(folder, 'db', 'main');
  await Promise.all([place.forget(), place.clear()]);
  await place.settled();
  t.deepEqual((await Place.of(folder))?.remembered, place.remembered);
  await writeFile(join(folder, '.repository', 'position'), '{"format":1,');
  await refuses(t, 'COPPICE_CORRUPT', () => Place.of(folder), /grows back/);
  await writeFile(join(folder, '.repository', 'position'), '{"format":2}');
  await refuses(t, 'COPPICE_FORMAT', () => Place.of(folder));
});

test('two that open a repository in an empty store at once open the same one', async (t) => {
  const store = memoryStore();
  const folder = await temporaryFolder(t);
  const branches = await Promise.all(
    ['a', 'b', 'c'].map((branch) => openBranch(store, join(folder, branch), { branch })),
  );
  const places = await Promise.all(['a', 'b', 'c'].map((name) => Place.of(join(folder, name))));
  t.is(new Set(places.map((place) => place?.remembered.databaseId)).size, 1);
  await Promise.all(branches.map(({ shell }) => shell.close()));
});
