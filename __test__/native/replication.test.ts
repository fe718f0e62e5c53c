/** Two engines in one process: what one logs the other applies, grows from, and takes back. */

import { access, copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { clear, cut, type Engine, filesOf, install, openEngine, type Replication } from '../../ts/native/index.js';
import { resolveOpen } from '../../ts/options/open.js';
import { temporaryFolder } from '../support/database.js';
import { refuses } from '../support/errors.js';

interface Node {
  folder: string;
  engine: Engine;
  replication: Replication;
}

async function node(t: ExecutionContext, replicated: 'applied' | 'raised' = 'applied', at?: string): Promise<Node> {
  const folder = at ?? join(await temporaryFolder(t), 'db');
  const engine = await openEngine(folder, { ...resolveOpen({}).engine, replicated }, () => {});
  t.teardown(() => engine.close().catch(() => {}));
  const { replication } = engine;
  if (replication === undefined) throw t.fail('it was opened as a replicated one');
  return { folder, engine, replication };
}

async function leader(t: ExecutionContext, keys: number): Promise<Node> {
  const made = await node(t);
  made.replication.lead(true);
  for (let i = 0; i < keys; i++) made.engine.put(`key${i}`, `value${i}`);
  t.is(await made.replication.sync(), keys);
  return made;
}

test('records that one engine has logged make another the same', async (t) => {
  const from = await leader(t, 5);
  const to = await node(t);
  t.is(await from.replication.readLog(5, 1000), undefined);
  const first = await from.replication.readLog(0, 1);
  t.like(first, { first: 1, last: 1, revision: 2 });
  const all = await from.replication.readLog(0, 1e6);
  t.like(all, { first: 1, last: 5, revision: 6 });
  t.deepEqual(await to.replication.apply(first!.body, []), { seq: 1, revision: 2 });
  t.deepEqual(await to.replication.apply(all!.body, [{ revision: 9 }, { revision: 4 }]), { seq: 3, revision: 4 });
  t.is((await to.replication.apply(all!.body, [])).seq, 5);
  t.is(await to.replication.sync(), 5, 'applied, they are durable with the next sync');
  t.deepEqual([to.replication.lastSeq, to.replication.durableSeq, to.engine.revision], [5, 5, 6]);
  t.is(to.engine.get('key4', 'utf8'), 'value4');
  const later = await from.replication.readLog(4, 1e6);
  await refuses(t, 'COPPICE_INVALID', async () => (await node(t)).replication.apply(later!.body, []), /missing/);
});

test('who does not lead makes no commits', async (t) => {
  const { engine, replication } = await node(t);
  await refuses(t, 'COPPICE_NOT_LEADER', () => engine.put('a', '1'));
  replication.lead(true);
  t.is(engine.put('a', '1'), 2);
  await refuses(t, 'COPPICE_UNSUPPORTED', () => engine.stage(Buffer.alloc(2 << 20)));
  replication.lead(false);
  await refuses(t, 'COPPICE_NOT_LEADER', () => engine.del('a'));
  t.is(engine.get('a', 'utf8'), '1');
});

test('values go through the log however large they are, up to what a record holds', async (t) => {
  const [from, to] = [await leader(t, 0), await node(t)];
  const value = Buffer.alloc(20 << 20, 7);
  const slab = from.engine.slab();
  slab.put('large', value);
  t.is(slab.large.length, 0);
  t.is(from.engine.commit(slab), 2);
  await refuses(t, 'COPPICE_TOO_LARGE', () => slab.put('larger', Buffer.alloc(40 << 20)));
  await from.replication.sync();
  const records = await from.replication.readLog(0, 1000);
  t.is((await to.replication.apply(records!.body, [])).seq, 1);
  const { files, release } = await to.replication.flush();
  t.deepEqual(files.map(({ kind }) => kind).sort(), ['blob', 'table']);
  release();
  t.true(value.equals(to.engine.get('large', 'buffer')!));
});

test('whoever listens hears that more is durable, and nobody else', async (t) => {
  const { engine, replication } = await leader(t, 1);
  const heard = new Promise<number>((resolve) => replication.onLogged(resolve));
  engine.put('more', '1');
  await replication.sync();
  t.is(await heard, 2);
  replication.onLogged(undefined);
  engine.put('more', '2');
  t.true(replication.logBytesAfter(0) > 0);
  t.is(await replication.sync(), 3);
  t.is(replication.logBytesAfter(3), 0);
});

test('an engine grows from the tables of another, whose files stay while they are pinned', async (t) => {
  const from = await leader(t, 300);
  const version = await from.replication.flush();
  t.like(version, { seq: 300, revision: 301, trimRevision: 0 });
  for (let i = 0; i < 300; i++) from.engine.del(`key${i}`);
  await from.engine.compact(undefined, undefined);

  const to = await node(t);
  await to.engine.close();
  await refuses(t, 'COPPICE_EXISTS', () => install(to.folder, version.engine));
  await clear(to.folder);
  await refuses(t, 'COPPICE_NOT_FOUND', () => install(to.folder, version.engine), /table/);
  const wanted = filesOf(version.engine);
  t.deepEqual(
    wanted,
    version.files.map(({ folder, ...file }) => file),
  );
  t.regex(wanted[0]!.id, /^[0-9a-f]{32}$/);
  t.regex(wanted[0]!.sha256, /^[0-9a-f]{64}$/);
  for (const { folder, name } of version.files) await copyFile(join(folder, name), join(to.folder, name));
  t.deepEqual(await install(to.folder, version.engine), { seq: 300, revision: 301 });

  const grown = await node(t, 'applied', to.folder);
  t.is(grown.engine.get('key299', 'utf8'), 'value299');
  const rest = await from.replication.sync().then(() => from.replication.readLog(300, 1e6));
  t.is((await grown.replication.apply(rest!.body, [])).seq, 600);
  t.is(grown.engine.get('key299', 'utf8'), undefined);

  version.release();
  version.release();
  await from.engine.close();
  for (const { folder, name } of version.files) await t.throwsAsync(access(join(folder, name)));
});

test('what was not shipped is taken back from a closed log', async (t) => {
  const { engine, replication, folder } = await leader(t, 10);
  await refuses(t, 'COPPICE_LOCKED', () => cut(folder, 7));
  replication.lead(false);
  await engine.close();
  t.true(await cut(folder, 7));
  const again = await node(t, 'applied', folder);
  t.is(again.replication.lastSeq, 7);
  again.replication.lead(true);
  again.engine.put('key7', 'another');
  await again.replication.keepLog(8);
  await again.engine.close();
  t.false(await cut(folder, 7), 'what nobody needs in the log is in tables');
});

test('readers see what was raised to, and writers what there is', async (t) => {
  const { engine, replication } = await node(t, 'raised');
  replication.lead(true);
  t.is(engine.put('a', '1'), 2);
  t.is(engine.put('a', '2'), 3);
  await engine.settle(3, 'disk');
  t.deepEqual([engine.revision, engine.get('a', 'utf8')], [1, undefined]);
  const slab = engine.slab();
  slab.check('a', 3);
  slab.put('a', '3');
  t.is(engine.commit(slab), 4);
  replication.raise(2);
  t.deepEqual([engine.revision, engine.get('a', 'utf8')], [2, '1']);
  const snapshot = engine.snapshot();
  replication.raise(100);
  t.deepEqual([engine.revision, engine.get('a', 'utf8'), engine.get('a', 'utf8', snapshot)], [4, '3', '1']);
});

test('an ordinary engine is not replicated', async (t) => {
  const folder = join(await temporaryFolder(t), 'db');
  const engine = await openEngine(folder, resolveOpen({}).engine, () => {});
  t.is(engine.replication, undefined);
  await refuses(t, 'COPPICE_INVALID', () => node(t, 'applied', folder), /replicated/);
  await engine.close();
});
