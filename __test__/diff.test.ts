import { join } from 'node:path';
import test from 'ava';
import { type Change, open } from '../ts/index.js';
import { fill, temporaryDatabase, temporaryFolder } from './support/database.js';
import { randomOf } from './support/random.js';

/** `key: before -> after`. */
function shown({ key, before, after }: Change<string, string>): string {
  return `${key}: ${before?.value ?? '-'} -> ${after?.value ?? '-'}`;
}

test('between two revisions it tells what was made, changed and deleted, with versions', async (t) => {
  const db = await temporaryDatabase(t, { history: true });
  await fill(db, ['a', 'b', 'c']);
  const from = db.revision;
  await db.put('a', 'changed');
  await db.del('b');
  await db.put('d', 'new');
  const to = db.revision;
  await db.put('c', 'later');
  t.deepEqual((await db.diff(from, { at: to }).toArray()).map(shown), ['a: A -> changed', 'b: B -> -', 'd: - -> new']);
  t.deepEqual((await db.diff(to, { at: from }).toArray()).map(shown), ['a: changed -> A', 'b: - -> B', 'd: new -> -']);
  t.deepEqual((await db.diff(to).toArray()).map(shown), ['c: C -> later']);
  const [change] = await db.diff(from, { prefix: 'a' }).toArray();
  t.deepEqual(change, {
    key: 'a',
    before: { key: 'a', value: 'A', revision: from, createRevision: from, version: 1 },
    after: { key: 'a', value: 'changed', revision: from + 1, createRevision: from, version: 2 },
  });
});

test('a value that was changed and changed back is no change; another time of expiry is', async (t) => {
  const db = await temporaryDatabase(t);
  await fill(db, ['a', 'b', 'c']);
  using before = db.snapshot();
  await db.put('a', 'other');
  await db.put('a', 'A');
  await db.put('b', 'B', { ttl: '1h' });
  await db.put('gone', 'at once', { ttl: 1 });
  await new Promise((resolve) => setTimeout(resolve, 10));
  const changes = await db.diff(before).toArray();
  t.deepEqual(changes.map(shown), ['b: B -> B']);
  t.is(changes[0]?.before?.expiresAt, undefined);
  t.true((changes[0]?.after?.expiresAt as Date) > new Date());
});

test('of a snapshot it leads to what that sees, whatever is written meanwhile', async (t) => {
  const db = await temporaryDatabase(t);
  await fill(db, ['a']);
  using before = db.snapshot();
  await db.put('b', '1');
  using after = db.snapshot();
  await db.put('c', '1');
  const changes = after.diff(before);
  await db.del('b');
  await db.compact();
  t.deepEqual((await changes.toArray()).map(shown), ['b: - -> 1']);
});

test('of two databases it is what their contents differ in, however they came to be', async (t) => {
  const random = randomOf(t);
  const top = await temporaryFolder(t);
  const options = { durability: 'process', memoryBytes: 16 << 20, memtableBytes: 1 << 20 } as const;
  const parent = await open(join(top, 'parent'), options);
  const value = () => String(random(1e9)).repeat(1 + random(100));
  const write = async (db: typeof parent, commits: number) => {
    for (let n = 0; n < commits; n++) {
      const key = () => `key${random(2000)}`;
      const ops = Array.from({ length: 20 }, () => {
        return random(4) === 0
          ? ({ type: 'del', key: key() } as const)
          : { type: 'put' as const, key: key(), value: value() };
      });
      await db.batch(ops);
      if (random(50) === 0) await db.delRange({ prefix: key() });
    }
  };
  await write(parent, 200);
  await parent.checkpoint({ to: join(top, 'child') });
  const child = await open(join(top, 'child'), options);
  await write(parent, 20);
  await write(child, 20);
  await child.flush();
  const [was, is] = [new Map(await parent.entries().toArray()), new Map(await child.entries().toArray())];
  const keys = [...new Set([...was.keys(), ...is.keys()])].sort();
  const wanted = keys.filter((key) => was.get(key) !== is.get(key));
  const changes = await child.diff(parent).toArray();
  t.deepEqual(
    changes.map(({ key, before, after }) => [key, before?.value, after?.value]),
    wanted.map((key) => [key, was.get(key), is.get(key)]),
  );
  t.true(wanted.length > 50 && wanted.length < keys.length);
  t.deepEqual(await child.diff(child).toArray(), []);
  await Promise.all([parent.close(), child.close()]);
});

test('sublevels, bounds and encodings are those of any read', async (t) => {
  const db = await temporaryDatabase(t, { keyEncoding: 'tuple', valueEncoding: 'json' });
  const users = db.sublevel<string, Buffer>('users', { keyEncoding: 'utf8', valueEncoding: 'buffer' });
  using before = db.snapshot();
  await db.put(['a', 1], { x: [1] });
  await db.put(['b', 2], null);
  await users.put('ada', Buffer.from([1, 2]));
  const change = { key: ['a', 1], after: { key: ['a', 1], value: { x: [1] }, revision: 2 } };
  t.like(await db.diff(before, { gte: ['a'], lt: ['b'] }).toArray(), [change] as never);
  const [ada, ...others] = await users.diff(before).toArray();
  t.deepEqual([ada?.key, ada?.before, ada?.after?.value, others], ['ada', undefined, Buffer.from([1, 2]), []]);
  const copy = db.sublevel<string, Buffer>('users', { keyEncoding: 'utf8', valueEncoding: 'buffer' });
  t.deepEqual(await users.diff(copy).toArray(), []);
});

test('large values come whole, and many changes piece by piece', async (t) => {
  const db = await temporaryDatabase(t);
  using before = db.snapshot();
  const large = 'x'.repeat(3 << 20);
  for (let n = 0; n < 4; n++) await db.put(`large${n}`, large + n);
  let found = 0;
  for await (const { key, after } of db.diff(before)) {
    t.is(after?.value, large + key.at(-1));
    found++;
  }
  t.is(found, 4);
});

test('it is read once, and gives back what it holds at its end, by break, by close and with its database', async (t) => {
  const top = await temporaryFolder(t);
  const [db, other] = [await open(join(top, 'a')), await open(join(top, 'b'))];
  await fill(db, ['a', 'b', 'c']);
  const changes = db.diff(other);
  for await (const { key } of changes) {
    t.is(key, 'a');
    break;
  }
  await t.throwsAsync(changes.toArray(), { code: 'COPPICE_CLOSED' });
  const unread = db.diff(other);
  unread.close();
  unread.close();
  await t.throwsAsync(unread.toArray(), { code: 'COPPICE_CLOSED' });
  const late = db.diff(other);
  await other.close();
  await t.throwsAsync(late.toArray(), { code: 'COPPICE_CLOSED' });
  t.throws(() => db.diff(other), { code: 'COPPICE_CLOSED' });
  await db.close();
});

test('what cannot be compared is refused', async (t) => {
  const db = await temporaryDatabase(t);
  await fill(db, ['a']);
  t.throws(() => db.diff(1), { code: 'COPPICE_UNSUPPORTED' });
  t.throws(() => db.diff(db, { at: 1 }), { code: 'COPPICE_UNSUPPORTED' });
  t.throws(() => db.diff('another branch'), { code: 'COPPICE_UNSUPPORTED', message: /with a store/ });
  t.throws(() => db.diff({} as never), { code: 'COPPICE_INVALID' });
  t.throws(() => db.diff(db, { reverse: true } as never), { code: 'COPPICE_INVALID', message: /reverse/ });
  const signal = AbortSignal.abort();
  t.throws(() => db.diff(db, { signal }), { code: 'COPPICE_ABORTED' });
  const past = await temporaryDatabase(t, { history: true });
  t.throws(() => past.diff(99), { code: 'COPPICE_FUTURE_REVISION' });
});
