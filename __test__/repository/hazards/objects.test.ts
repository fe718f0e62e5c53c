/** What t4 got wrong about the objects in its bucket, and about time; `docs/t4.md` lists all of it. */

import test from 'ava';
import { CoppiceError, memoryStore, type ObjectStore, type StorePutOptions } from '../../../ts/index.js';
import { codeLines, sources } from '../../house/sources.js';
import { temporaryFolder } from '../../support/database.js';
import { HostileStore } from '../../support/hostile.js';
import { openBranch } from '../shell/branch.js';

/** A store whose calls can be met by a test. */
function watched(): { store: ObjectStore; on: { put: Hook; get: Hook; del: (keys: readonly string[]) => void } } {
  const store = memoryStore();
  const [put, get, del] = [store.put.bind(store), store.get.bind(store), store.del.bind(store)];
  const on = { put: (async () => {}) as Hook, get: (async () => {}) as Hook, del: (_: readonly string[]) => {} };
  store.put = async (key, body, options) => {
    await on.put(key, options);
    return put(key, body, options);
  };
  store.get = async (key, options) => {
    await on.get(key);
    return get(key, options);
  };
  store.del = async (keys, options) => {
    on.del(keys);
    return del(keys, options);
  };
  return { store, on };
}

type Hook = (key: string, options?: StorePutOptions) => Promise<void>;

/** A promise, and what resolves it. */
function gate(): { passed: Promise<void>; open: () => void } {
  let open = () => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open };
}

test('t4 H3: a standby that has applied nothing takes over', async (t) => {
  const folder = await temporaryFolder(t);
  const store = memoryStore();
  const away = new HostileStore(store);
  const owner = await openBranch(away, `${folder}/a`, { renewMs: 40 });
  away.isAway = true;
  const standby = await openBranch(store, `${folder}/b`, { mode: 'standby', renewMs: 40 });
  t.deepEqual(standby.engine.texts, []);
  await standby.write('a');
  await owner.shell.close(0);
  await standby.shell.close();
});

test('t4 H7: a collection that cannot read what is named deletes nothing', async (t) => {
  const folder = await temporaryFolder(t);
  const { store, on } = watched();
  const policy = { keep: 2, retainMs: 0 };
  const before = await openBranch(store, `${folder}/a`, { policy });
  for (const text of ['a', 'b', 'c', 'd']) {
    await before.write(text);
    await before.shell.checkpoint();
  }
  await before.shell.close();
  // Whoever has published a manifest knows what it names: this one has to read those of before.
  const { shell, write } = await openBranch(store, `${folder}/a`, { policy });
  const kept: string[] = [];
  for await (const { key } of store.list('d/')) if (key.includes('/manifests/')) kept.push(key);
  const deleted: string[] = [];
  let asked = 0;
  on.del = (keys) => deleted.push(...keys);
  on.get = async (key) => {
    // The newest is read before anything is uploaded, the oldest is about to go.
    if (key !== kept[1]) return;
    asked += 1;
    throw new CoppiceError('STORE', 'cannot be read', {
      details: { reason: 'server', outcome: 'unknown', retry: true },
    });
  };
  await write('e');
  const collecting = shell.checkpoint();
  while (asked < 3) await new Promise((resolve) => setTimeout(resolve, 5));
  t.deepEqual(deleted, []);
  on.get = async () => {};
  await collecting;
  t.true(deleted.length > 0);
  await shell.close();
});

test('t4 W3: commits go on while a checkpoint is held up', async (t) => {
  const folder = await temporaryFolder(t);
  const { store, on } = watched();
  const { shell, write } = await openBranch(store, `${folder}/a`);
  await shell.checkpoint();
  await write('a');
  const { passed, open } = gate();
  let held = 0;
  on.put = async (key) => {
    if (!key.includes('/tables/')) return;
    held += 1;
    await passed;
  };
  const publishing = shell.checkpoint();
  while (held === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  for (let n = 0; n < 20; n++) await write(`${n}`);
  open();
  t.is((await publishing).revision, 2);
  await shell.close();
});

test('t4 R1: nothing is put without a condition, and only heads are replaced', async (t) => {
  const folder = await temporaryFolder(t);
  const { store, on } = watched();
  const [created, replaced]: string[][] = [[], []];
  on.put = async (key, options = {}) => {
    if (key.startsWith('probe/')) return;
    if (options.ifNoneMatch === '*') created?.push(key);
    else if (options.ifMatch !== undefined) replaced?.push(key);
    else t.fail(`${key} is put over whatever is there`);
  };
  for (const where of ['a', 'b']) {
    const { shell, write } = await openBranch(store, `${folder}/${where}`, { policy: { keep: 0, retainMs: 0 } });
    for (let n = 0; n < 3; n++) {
      await write(`${where}${n}`);
      await shell.checkpoint();
    }
    await shell.close();
  }
  t.deepEqual([...new Set(replaced)], ['heads/main']);
  t.deepEqual([...new Set(created)], created, 'no name is given twice');
});

test('t4 R4: whoever decides reads no clock', (t) => {
  const deciding = sources('ts', '.ts').filter(({ path }) => path.startsWith('ts/repository/protocol/'));
  t.true(deciding.length > 10);
  const reading = deciding.flatMap(({ path, text }) =>
    codeLines(text)
      .filter(({ line }) => /\bDate\b|\bperformance\b|\bsetTimeout\b|\brandom/.test(line))
      .map(({ line }) => `${path}: ${line}`),
  );
  t.deepEqual(reading, []);
});

test('t4 R7: a copy whose checkpoint is collected while it is read begins again', async (t) => {
  const folder = await temporaryFolder(t);
  const { store, on } = watched();
  const { shell, write } = await openBranch(store, `${folder}/a`, { policy: { keep: 0, retainMs: 0 } });
  await write('a');
  await shell.checkpoint();
  const { passed, open } = gate();
  const [first] = await keysOf(store, '/manifests/');
  let held = 0;
  on.get = async (key) => {
    if (key !== first) return;
    held += 1;
    await passed;
  };
  const copying = openBranch(store, `${folder}/copy`, { mode: 'replica', until: { timeMs: Number.MAX_SAFE_INTEGER } });
  while (held === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  for (const text of ['b', 'c']) {
    await write(text);
    await shell.checkpoint();
  }
  t.false((await keysOf(store, '/manifests/')).includes(first as string));
  open();
  const copy = await copying;
  t.deepEqual(copy.engine.texts, ['a', 'b', 'c']);
  await copy.shell.close();
  await shell.close();
});

async function keysOf(store: ObjectStore, part: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list('')) if (key.includes(part)) keys.push(key);
  return keys;
}
