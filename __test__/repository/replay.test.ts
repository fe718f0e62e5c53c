/** `coppice verify --replay`: the same branch from its oldest and from its newest checkpoint, and a folder that holds it. */

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { fsStore, type OpenOptions, open } from '../../ts/index.js';
import { decodeSlot, encodeSlot } from '../../ts/repository/formats/index.js';
import { headName, type Slot, seal, slotName } from '../../ts/repository/protocol/index.js';
import { readHead } from '../../ts/repository/shell/index.js';
import { coppice } from '../support/command.js';
import { temporaryFolder } from '../support/database.js';
import { randomOf } from '../support/random.js';

interface Place {
  readonly top: string;
  readonly store: string;
  readonly disk: string;
}

/** Two checkpoints and a log between them, in which keys are put, put again and deleted. */
async function filled(t: ExecutionContext, options: OpenOptions = {}): Promise<Place> {
  const top = await temporaryFolder(t);
  const [store, disk] = [join(top, 'store'), join(top, 'disk')];
  const db = await open(disk, { store, durability: 'remote', ...options });
  await db.put('a', 'before');
  await db.checkpoint();
  for (const key of ['a', 'b', 'gone']) await db.put(key, 'value 1');
  await db.put('b', 'value 2', { ttl: '1h' });
  await db.del('gone');
  await db.checkpoint();
  await db.close();
  return { top, store, disk };
}

/** Puts another value into the slot that holds one, and chains whatever comes after it anew. */
async function reseal(root: string, from: string, to: string): Promise<void> {
  const store = fsStore(root);
  const head = await readHead(store, headName('main'));
  if (head === undefined) return;
  let before: Slot | undefined;
  for (let number = head.wal.floor; ; number++) {
    const key = slotName(head.branchId, number);
    const found = await store.get(key);
    if (found === undefined) return;
    const { digest, ...slot } = decodeSlot(key, found.body);
    const { records } = slot;
    const body = records && Buffer.from(records.body as Uint8Array);
    const at = body?.indexOf(from) ?? -1;
    if (body !== undefined && at >= 0 && before === undefined) body.write(to, at);
    else if (before === undefined) continue;
    const sha256 = body && createHash('sha256').update(body).digest('hex');
    before = seal({
      ...slot,
      previous: before?.digest ?? slot.previous,
      ...(records && body && sha256 !== undefined && { records: { ...records, body, sha256 } }),
    });
    await store.put(key, encodeSlot(before));
  }
}

const replayed = (...args: string[]) => coppice(['verify', ...args, '--store', '--replay']);

for (const history of [false, true]) {
  test(`a branch that is whole replays to the same${history ? ', with its history' : ''}, and its disk holds it too`, async (t) => {
    const { top, store, disk } = await filled(t, { history });
    t.deepEqual(await replayed(store), {
      code: 0,
      out: 'replayed to revision 7 and compared 2 keys: all is well\n',
      err: '',
    });
    t.is((await replayed(store, '--against', disk)).code, 0);
    await coppice(['restore', store, join(top, 'older'), '--revision', '5']);
    t.is((await replayed(store, '--against', join(top, 'older'))).out.split(':')[1], ' all is well\n');
    t.deepEqual(JSON.parse((await replayed(store, '--json')).out), { ok: true, revision: 7, keys: 2, problems: [] });
  });

  test(`records that were changed and sealed again are noticed by a replay alone${history ? ', with history' : ''}`, async (t) => {
    const { store, disk } = await filled(t, { history });
    await reseal(store, 'value 2', 'VALUE 2');
    for (const mode of ['--fast', '--deep']) t.is((await coppice(['verify', store, '--store', mode])).code, 0, mode);
    const { code, out } = await replayed(store);
    t.is(code, 1);
    t.regex(out, /^main at 0: the key "b" differs: its values in the newest checkpoint and the oldest differ$/m);
    t.regex(out, /problems: 1\n$/);
    const { problems } = JSON.parse((await replayed(store, '--json')).out) as { problems: { key: string }[] };
    t.deepEqual(
      problems.map(({ key }) => key),
      [Buffer.from('b').toString('hex')],
    );
    t.is((await replayed(store, '--against', disk)).code, 1);
  });
}

test('of a key that is not there any more the past is compared', async (t) => {
  const { store } = await filled(t, { history: true });
  const whole = fsStore(store);
  const head = await readHead(whole, headName('main'));
  t.truthy(head);
  await reseal(store, 'gone', 'GONE');
  const { code, out } = await replayed(store);
  t.is(code, 1);
  t.regex(
    out,
    /the key "gone" differs: of its past: the newest checkpoint and the oldest do not have the same commits of it/,
  );
});

test('a folder that holds something else than the branch is told key by key', async (t) => {
  const { top, store } = await filled(t);
  const [other, ahead] = [join(top, 'other'), join(top, 'ahead')];
  await coppice(['restore', store, other, '--revision', '5']);
  await coppice(['put', other, 'b', 'another']);
  await coppice(['put', other, 'c', 'more']);
  const { code, out } = await replayed(store, '--against', other);
  t.is(code, 1);
  t.regex(out, /the key "b" differs: /);
  t.regex(out, /the key "c" differs: it is in .*other only/);
  await coppice(['restore', store, ahead]);
  await coppice(['put', ahead, 'b', 'another']);
  const refused = await replayed(store, '--against', ahead);
  t.is(refused.code, 2);
  t.regex(refused.err, /is at revision 8 and has no history, and the store is at 7/);
});

test('whatever was written, a branch and one that has grown from it replay to the same', async (t) => {
  const random = randomOf(t);
  const top = await temporaryFolder(t);
  const store = join(top, 'store');
  const options = { store, durability: 'process', history: true } as const;
  const db = await open(join(top, 'disk'), options);
  const key = () => `key ${random(30)}`;
  const change = async (to: typeof db) => {
    if (random(4) > 0) await to.put(key(), 'v'.repeat(random(random(20) === 0 ? 100_000 : 100)));
    else if (random(3) > 0) await to.del(key());
    else if (random(2) > 0) await to.delRange({ gte: key(), lt: `key ${random(30)}~` });
    else await to.put(key(), 'soon', { ttl: '1h' });
  };
  for (let i = 0; i < 150; i++) {
    await change(db);
    if (i % 40 === 30) await db.checkpoint();
    if (i === 100) await db.trim(20);
  }
  const branch = await db.branch('grown');
  for (let i = 0; i < 60; i++) {
    await change(branch);
    if (i === 30) await branch.checkpoint();
  }
  await branch.close();
  await db.close();
  t.is((await replayed(store, '--against', join(top, 'disk'))).out.split(': ')[1], 'all is well\n');
  t.is((await replayed(store, '--branch', 'grown', '--against', branch.path)).out.split(': ')[1], 'all is well\n');
});

test('one way to verify is taken, and of a store', async (t) => {
  for (const args of [['--deep'], ['--store', '--deep', '--replay'], ['--store', '--against', 'x'], ['--replay']]) {
    t.is((await coppice(['verify', 'x', ...args])).code, 2, args.join(' '));
  }
});
