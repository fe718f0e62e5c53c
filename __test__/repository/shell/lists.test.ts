/** Heads stay small however many branches have grown from one. */

import test from 'ava';
import { memoryStore, type ObjectStore } from '../../../ts/index.js';
import { firstHead } from '../../../ts/repository/protocol/change.js';
import { Hand, type Head, type Pin } from '../../../ts/repository/protocol/index.js';
import { Counted } from '../../../ts/repository/shell/counted.js';
import { noCounts } from '../../../ts/repository/shell/counts.js';
import { Heads } from '../../../ts/repository/shell/heads.js';
import { refuses } from '../../support/errors.js';

const KEY = 'heads/main';
const BYTES_MAX = 64 << 10;
const names = new Hand('lists');
const branchId = names.name();

function head(pins: readonly Pin[]): Head {
  const first = { name: 'main', branchId, nonce: names.name(), epoch: 1, policy: { keep: 1, retainMs: 0 } };
  return { ...firstHead(first), pins };
}

function pin(n: number): Pin {
  const named = { epoch: 1, n, sha256: 'a'.repeat(64), seq: n, revision: n, timeMs: n, floor: 1, end: 2 };
  return { name: `pr-${n}`, branchId: names.name(), manifest: named, slots: { from: 1, to: 2 }, state: 'live' };
}

function heads(store: ObjectStore): Heads {
  return new Heads(new Counted(store, noCounts(), new AbortController().signal));
}

async function put(store: ObjectStore, through: Heads, next: Head, over: string | null): Promise<string> {
  const condition = over === null ? ({ ifNoneMatch: '*' } as const) : { ifMatch: over };
  return through.put(next, over, async (body) => (await store.put(KEY, body, condition)).etag);
}

async function listsIn(store: ObjectStore): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of store.list('d/')) found.push(key);
  return found;
}

test('of many branches that have grown from one the head names all, has some, and is small', async (t) => {
  const store = memoryStore();
  const [ours, others] = [heads(store), heads(store)];
  let pins: readonly Pin[] = [];
  let etag: string | null = null;
  const lists = new Set<string>();
  for (let n = 1; n <= 300; n++) {
    pins = [...pins, pin(n)];
    etag = await put(store, ours, head(pins), etag);
    for (const key of await listsIn(store)) lists.add(key);
    t.true((await listsIn(store)).length <= 1);
  }
  t.true(lists.size <= 300 / 32, `${lists.size} lists were put`);
  const { body } = (await store.get(KEY)) as { body: Uint8Array };
  t.true(body.length < BYTES_MAX, `${body.length} bytes`);
  const found = await others.get(KEY);
  t.deepEqual(found?.head.pins, pins);

  // One of those in the list goes; another process has done that.
  const fewer = pins.filter(({ name }) => name !== 'pr-7');
  const replaced = await put(store, others, head(fewer), found?.etag as string);
  t.deepEqual((await ours.get(KEY))?.head.pins, fewer);
  t.is((await listsIn(store)).length, 1);

  await put(store, others, head(fewer.slice(0, 64)), replaced);
  t.deepEqual(await listsIn(store), []);
  t.deepEqual((await ours.get(KEY))?.head.pins, fewer.slice(0, 64));
});

test('a list of pins that is missing, or another one, is told', async (t) => {
  const store = memoryStore();
  await put(store, heads(store), head(Array.from({ length: 70 }, (_, n) => pin(n))), null);
  const [key] = (await listsIn(store)) as [string];
  await store.put(key, Buffer.from('[]'));
  await refuses(t, 'COPPICE_CORRUPT', () => heads(store).get(KEY), /digest/);
  await store.del([key]);
  await refuses(t, 'COPPICE_CORRUPT', () => heads(store).get(KEY), /-pins" is damaged: the head names it/);
});
