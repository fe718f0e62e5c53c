/**
 * What unstorage asks of each of its drivers (`test/drivers/utils.ts` of its repository), in words of our own, since no package holds it: test by
 * test, over a folder and over a sublevel of an open database. A test begins with an empty storage, as there.
 */

import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { createStorage, restoreSnapshot, type Storage } from 'unstorage';
import coppiceDriver from '../../ts/unstorage/index.js';
import { temporaryDatabase, temporaryFolder } from '../support/database.js';

const DATA = 'test_data';
const sorted = async (keys: Promise<string[]>) => (await keys).sort();

const cases: Record<string, (t: ExecutionContext, storage: Storage) => Promise<void>> = {
  async 'a snapshot is restored'(t, storage) {
    await restoreSnapshot(storage, { initial: 'works' });
    t.is(await storage.getItem('initial'), 'works');
  },
  async 'at first there is nothing'(t, storage) {
    t.false(await storage.hasItem('s1:a'));
    t.is(await storage.getItem('s2:a'), null);
    t.deepEqual(await storage.getKeys(), []);
  },
  async 'an item is set, whatever follows ? in its key'(t, storage) {
    for (const key of ['s1:a', 's2:a', 's3:a?q=1']) await storage.setItem(key, DATA);
    t.true(await storage.hasItem('s1:a'));
    t.is(await storage.getItem('s1:a'), DATA);
    t.is(await storage.getItem('s3:a?q=2'), DATA);
  },
  async 'keys are listed, all or below a base'(t, storage) {
    for (const key of ['s1:a', 's2:a', 's3:a?q=1']) await storage.setItem(key, DATA);
    t.deepEqual(await sorted(storage.getKeys()), ['s1:a', 's2:a', 's3:a']);
    t.deepEqual(await sorted(storage.getKeys('s1')), ['s1:a']);
  },
  async 'keys are listed down to a depth'(t, storage) {
    const [top, one, two] = [
      ['depth0_0'],
      ['depth0:depth1_0', 'depth0:depth1_1'],
      ['depth0:depth1:depth2_0', 'depth0:depth1:depth2_1'],
    ] as const;
    for (const key of [...top, ...two, ...one]) await storage.setItem(key, DATA);
    t.deepEqual(await storage.getKeys(undefined, { maxDepth: 0 }), [...top]);
    t.deepEqual(await sorted(storage.getKeys(undefined, { maxDepth: 1 })), [...one, ...top]);
    t.deepEqual(await sorted(storage.getKeys(undefined, { maxDepth: 2 })), [...two, ...one, ...top]);
  },
  async 'objects, and what is neither object nor text'(t, storage) {
    await storage.setItem('/data/test.json', { json: 'works' });
    t.deepEqual(await storage.getItem('/data/test.json'), { json: 'works' });
    await storage.setItem('/data/true.json', true);
    t.is(await storage.getItem('/data/true.json'), true);
  },
  async 'objects that say how they are written'(t, storage) {
    class Worded {
      constructor(readonly toJSON: () => unknown) {}
    }
    await storage.setItem('/data/1.json', new Worded(() => 'SERIALIZED'));
    t.is(await storage.getItem('/data/1.json'), 'SERIALIZED');
    await storage.setItem('/data/2.json', new Worded(() => ({ serializedObj: 'works' })));
    t.deepEqual(await storage.getItem('/data/2.json'), { serializedObj: 'works' });
  },
  async 'objects that cannot be written are refused'(t, storage) {
    class Unwritten {}
    await t.throwsAsync(storage.setItem('/data/bad.json', new Unwritten()), { message: /Cannot stringify value/ });
  },
  async 'raw items are the bytes that were given'(t, storage) {
    const value = new Uint8Array([1, 2, 3]);
    await storage.setItemRaw('/data/raw.bin', value);
    t.deepEqual(await storage.getItemRaw('/data/raw.bin'), Buffer.from(value));
  },
  async 'many items are set'(t, storage) {
    const items = ['t:1', 't:2', 't:3'].map((key) => ({ key, value: `${DATA} of ${key}` }));
    await storage.setItems(items);
    for (const { key, value } of items) t.is(await storage.getItem(key), value);
  },
  async 'many items are got, in the order of the call'(t, storage) {
    for (const key of ['v3:a?q=1', 'v2:a', 'v1:a']) await storage.setItem(key, `${DATA} of ${key}`);
    t.deepEqual(await storage.getItems([{ key: 'v1:a' }, 'v2:a', { key: 'v3:a?q=1' }, 'v4:undefined']), [
      { key: 'v1:a', value: 'test_data of v1:a' },
      { key: 'v2:a', value: 'test_data of v2:a' },
      { key: 'v3:a', value: 'test_data of v3:a?q=1' },
      { key: 'v4:undefined', value: null as never },
    ]);
  },
  async 'items that count as false are got'(t, storage) {
    await storage.setItem('zero', 0);
    t.is(await storage.getItem('zero'), 0);
    await storage.setItem('my-false-flag', false);
    t.is(await storage.getItem('my-false-flag'), false);
  },
  async 'an item is removed, and one that is not there'(t, storage) {
    await storage.setItem('s1:a', DATA);
    for (let times = 0; times < 2; times++) {
      await storage.removeItem('s1:a', false);
      t.false(await storage.hasItem('s1:a'));
      t.is(await storage.getItem('s1:a'), null);
    }
  },
  async 'everything is cleared, also if there is nothing'(t, storage) {
    await storage.setItem('s1:a', DATA);
    for (let times = 0; times < 2; times++) {
      await storage.clear();
      t.deepEqual(await storage.getKeys(), []);
    }
  },
};

for (const [title, check] of Object.entries(cases)) {
  test(`over a folder: ${title}`, async (t) => {
    const driver = coppiceDriver({ path: join(await temporaryFolder(t), 'storage') });
    const storage = createStorage({ driver });
    await check(t, storage);
    await driver.dispose?.();
    await storage.dispose();
  });

  test(`over a sublevel: ${title}`, async (t) => {
    const db = await temporaryDatabase(t, { valueEncoding: 'u64' });
    await db.put('beside', 1n);
    const storage = createStorage({ driver: coppiceDriver({ db: db.sublevel('storage') }) });
    await check(t, storage);
    await storage.dispose();
    t.is(await db.get('beside'), 1n);
  });
}
