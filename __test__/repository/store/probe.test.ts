import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { CoppiceError, fsStore, memoryStore, type ObjectStore, probe } from '../../../ts/index.js';
import { requireSound } from '../../../ts/repository/store/index.js';
import { temporaryFolder } from '../../support/database.js';
import { refuses } from '../../support/errors.js';

/** A store in memory that does some calls in its own way. */
function lying(how: (honest: ObjectStore) => Partial<ObjectStore>): ObjectStore {
  const honest = memoryStore();
  const bound = Object.fromEntries(
    (['get', 'head', 'put', 'list', 'del'] as const).map((name) => [name, honest[name].bind(honest)]),
  ) as unknown as ObjectStore;
  return { ...bound, location: 'a store that lies', ...how(honest) };
}

async function failed(t: ExecutionContext, store: ObjectStore): Promise<string[]> {
  const { ok, checks } = await probe(store);
  const names = checks.filter((check) => !check.ok && check.needed).map(({ name }) => name);
  t.is(ok, names.length === 0);
  for (const check of checks) if (!check.ok) t.true((check.found ?? '').length > 0);
  return names;
}

test('an honest store is sound, and nothing is left in it', async (t) => {
  for (const store of [memoryStore(), fsStore(join(await temporaryFolder(t), 'store'))]) {
    const { ok, location, checks } = await probe(store);
    t.true(ok);
    t.is(location, store.location);
    t.deepEqual(
      checks.filter((check) => !check.ok),
      [],
    );
    t.true(checks.every(({ ms }) => ms >= 0));
    for await (const { key } of store.list('')) t.fail(`${key} was left`);
    await t.notThrowsAsync(requireSound(store));
  }
});

test('a store that ignores If-None-Match is found out', async (t) => {
  const store = lying((honest) => ({
    put: (key, body, { ifNoneMatch: _, ...options } = {}) => honest.put(key, body, options),
  }));
  t.deepEqual(await failed(t, store), ['create-again', 'create-race']);
  const error = await refuses(t, 'COPPICE_STORE', () => requireSound(store), /ignored If-None-Match/);
  t.regex(error.message, /^a store that lies cannot hold a repository/);
  t.deepEqual(error.details?.failed, ['create-again', 'create-race']);
});

test('a store that ignores If-Match is found out', async (t) => {
  const store = lying((honest) => ({
    put: (key, body, { ifMatch: _, ...options } = {}) => honest.put(key, body, options),
  }));
  t.deepEqual(await failed(t, store), ['replace-absent', 'replace-wrong', 'replace-old', 'replace-race']);
});

test('a store that only asks whether there is an object is found out', async (t) => {
  const store = lying((honest) => ({
    async put(key, body, { ifMatch, ...options } = {}) {
      const there = ifMatch === undefined ? undefined : await honest.head(key);
      return honest.put(key, body, { ...options, ...(ifMatch && { ifMatch: there?.etag ?? ifMatch }) });
    },
  }));
  t.deepEqual(await failed(t, store), ['replace-wrong', 'replace-old']);
});

test('a store that looks first and writes later is found out', async (t) => {
  const store = lying((honest) => ({
    async put(key, body, { ifMatch, ifNoneMatch, ...options } = {}) {
      const there = await honest.head(key);
      if ((ifNoneMatch && there) || (ifMatch && there?.etag !== ifMatch)) throw new CoppiceError('PRECONDITION', 'no');
      await setImmediate();
      return honest.put(key, body, options);
    },
  }));
  t.deepEqual(await failed(t, store), ['create-race', 'replace-race']);
});

test('a store whose reads lag behind is found out', async (t) => {
  const before = new Map<string, Awaited<ReturnType<ObjectStore['get']>>>();
  const store = lying((honest) => ({
    async put(key, body, options) {
      before.set(key, await honest.get(key));
      return honest.put(key, body, options);
    },
    get: async (key, options) => (before.has(key) ? before.get(key) : honest.get(key, options)),
  }));
  t.true((await failed(t, store)).includes('read-back'));
  t.true((await failed(t, store)).includes('read-replaced'));
});

test('a store that cannot create, or not replace, is found out', async (t) => {
  const refusing = (name: 'ifMatch' | 'ifNoneMatch') =>
    lying((honest) => ({
      async put(key, body, options = {}) {
        if (options[name] !== undefined) throw new CoppiceError('PRECONDITION', 'always');
        return honest.put(key, body, options);
      },
    }));
  t.true((await failed(t, refusing('ifNoneMatch'))).includes('create'));
  t.true((await failed(t, refusing('ifMatch'))).includes('replace'));
});

test('a list that shows nothing yet, and a delete that does nothing, are said but not needed', async (t) => {
  const store = lying(() => ({
    async *list() {},
    async del() {},
  }));
  const { ok, checks } = await probe(store);
  t.true(ok);
  t.deepEqual(
    checks.filter((check) => !check.ok).map(({ name }) => name),
    ['list', 'delete'],
  );
});

test('a store that fails is not called sound: the error comes through, and what was put is removed', async (t) => {
  let puts = 0;
  const store = lying((honest) => ({
    put: (key, body, options) => {
      if (++puts < 5) return honest.put(key, body, options);
      throw new CoppiceError('STORE', 'the network is gone');
    },
  }));
  await refuses(t, 'COPPICE_STORE', () => probe(store), /the network is gone/);
  for await (const { key } of store.list('')) t.fail(`${key} was left`);
});

test('a probe that is aborted is given up, and cleans up all the same', async (t) => {
  const controller = new AbortController();
  const store = lying((honest) => ({
    get: (key, options) => {
      controller.abort();
      return honest.get(key, options);
    },
  }));
  await refuses(t, 'COPPICE_ABORTED', () => probe(store, { signal: controller.signal }));
  for await (const { key } of store.list('')) t.fail(`${key} was left`);
  await refuses(t, 'COPPICE_INVALID', () => probe(store, { signal: 'x' as never }), /^signal must be/);
});
