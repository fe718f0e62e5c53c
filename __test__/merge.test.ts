import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type Database, type MergeConflict, open } from '../ts/index.js';
import { fill, temporaryDatabase, temporaryFolder } from './support/database.js';
import { randomOf } from './support/random.js';

type Texts = Database<string, string>;

/** A database with these keys, and a copy of it; closed when the test ends. */
async function pair(t: ExecutionContext, keys: readonly string[], history = true): Promise<[Texts, Texts]> {
  const top = await temporaryFolder(t);
  const ours = await open(join(top, 'ours'), { durability: 'process', history });
  await fill(ours, keys);
  await ours.checkpoint({ to: join(top, 'theirs') });
  const theirs = await open(join(top, 'theirs'), { durability: 'process' });
  t.teardown(() => Promise.all([ours.close(), theirs.close()]));
  return [ours, theirs];
}

function shown({ key, base, ours, theirs }: MergeConflict<string, string>): string {
  return `${key}: ${base?.value ?? '-'}: ${ours?.value ?? '-'} | ${theirs?.value ?? '-'}`;
}

test('what the other has changed is written as one commit, and nothing else is touched', async (t) => {
  const [db, other] = await pair(t, ['a', 'b', 'c', 'd']);
  const base = db.revision;
  await db.put('a', 'ours');
  await other.put('b', 'theirs');
  await other.del('c');
  await other.put('new', 'theirs', { ttl: '1h' });
  // The same on both sides.
  await db.put('d', 'same');
  await other.put('d', 'same');
  const { revision } = db;
  t.deepEqual(await db.merge(other, { base }), {
    ok: true,
    revision: revision + 1,
    changes: 3,
    resolved: 0,
    commits: 1,
  });
  t.deepEqual(await db.entries().toArray(), [
    ['a', 'ours'],
    ['b', 'theirs'],
    ['d', 'same'],
    ['new', 'theirs'],
  ]);
  t.true(((await db.getEntry('new'))?.expiresAt as Date) > new Date());
  t.deepEqual(await db.merge(other, { base }), {
    ok: true,
    revision: revision + 1,
    changes: 0,
    resolved: 0,
    commits: 0,
  });
});

test('conflicts are named with all three values, and then nothing is written', async (t) => {
  const [db, other] = await pair(t, ['a', 'b', 'c']);
  const base = db.revision;
  await db.put('a', 'ours');
  await other.put('a', 'theirs');
  await db.del('b');
  await other.put('b', 'theirs');
  await db.put('n', '1');
  await other.put('n', '2');
  await other.put('c', 'clean');
  const { revision } = db;
  const merged = await db.merge(other, { base });
  t.deepEqual(merged.ok === false && merged.conflicts.map(shown), [
    'a: A: ours | theirs',
    'b: B: - | theirs',
    'n: -: 1 | 2',
  ]);
  t.is(merged.changes, 1);
  t.is(db.revision, revision);
  t.is(await db.get('c'), 'C');
});

test('a conflict is decided as the call says, for either side or by a function', async (t) => {
  const both = async (key: string, db: Texts, other: Texts) => {
    await db.put(key, 'ours');
    await other.put(key, 'theirs');
  };
  for (const [conflicts, wanted] of [
    ['ours', { a: 'ours', b: 'ours', c: 'ours', d: 'ours' }],
    ['theirs', { a: 'theirs', b: 'theirs', c: 'theirs', d: 'theirs' }],
    [
      async ({ key, ours, theirs }: MergeConflict<string, string>) => {
        if (key === 'a') return 'ours' as const;
        if (key === 'b') return 'theirs' as const;
        if (key === 'c') return { type: 'put' as const, value: `${ours?.value}+${theirs?.value}`, ttl: '1h' };
        return { type: 'del' as const };
      },
      { a: 'ours', b: 'theirs', c: 'ours+theirs' },
    ],
  ] as const) {
    const [db, other] = await pair(t, ['a', 'b', 'c', 'd']);
    const base = db.revision;
    for (const key of ['a', 'b', 'c', 'd']) await both(key, db, other);
    const merged = await db.merge(other, { base, conflicts });
    t.is(merged.ok && merged.resolved, 4);
    t.deepEqual(Object.fromEntries(await db.entries().toArray()) as unknown, wanted);
  }
});

test('without history the base is a snapshot or a third database', async (t) => {
  const [db, other] = await pair(t, ['a', 'b'], false);
  using base = db.snapshot();
  await db.put('a', 'ours');
  await other.put('b', 'theirs');
  t.like(await db.merge(other, { base }), { ok: true, changes: 1 });
  t.deepEqual(await db.entries().toArray(), [
    ['a', 'ours'],
    ['b', 'theirs'],
  ]);
  await t.throwsAsync(db.merge(other, { base: 2 }), { code: 'COPPICE_UNSUPPORTED' });
});

test('any two sides come to what a merge of two maps is', async (t) => {
  const random = randomOf(t);
  for (let round = 0; round < 8; round++) {
    const keys = Array.from({ length: 200 }, (_, n) => `key${n}`);
    const [db, other] = await pair(t, keys);
    const base = db.revision;
    const was = new Map(await db.entries().toArray());
    const change = async (one: Texts, name: string) => {
      for (let n = 0; n < 60; n++) {
        const key = `key${random(300)}`;
        if (random(3) === 0) await one.del(key);
        else await one.put(key, random(4) === 0 ? 'same' : `${name}${random(100)}`);
      }
    };
    await Promise.all([change(db, 'ours'), change(other, 'theirs')]);
    const [ours, theirs] = [new Map(await db.entries().toArray()), new Map(await other.entries().toArray())];
    const all = [...new Set([...was.keys(), ...ours.keys(), ...theirs.keys()])].sort();
    const clashes = (key: string) => {
      const [b, o, h] = [was.get(key), ours.get(key), theirs.get(key)];
      return b !== o && b !== h && o !== h;
    };
    const reported = await db.merge(other, { base });
    t.deepEqual(reported.ok ? [] : reported.conflicts.map(({ key }) => key), all.filter(clashes));
    const conflicts = random(2) === 0 ? 'ours' : 'theirs';
    const merged = await db.merge(other, { base, conflicts, steps: random(2) === 0 });
    t.true(merged.ok);
    const wanted = all.flatMap((key) => {
      const theirsWins = was.get(key) === ours.get(key) || (clashes(key) && conflicts === 'theirs');
      const value = theirsWins ? theirs.get(key) : ours.get(key);
      return value === undefined ? [] : [[key, value]];
    });
    t.deepEqual(await db.entries().toArray(), wanted as [string, string][]);
    t.deepEqual(await db.merge(other, { base, conflicts: 'ours' }), {
      ...merged,
      changes: 0,
      commits: 0,
      resolved: conflicts === 'ours' && merged.ok ? merged.resolved : 0,
    } as never);
  }
});

test('a write that comes in between is looked at again, and not lost', async (t) => {
  const [db, other] = await pair(t, ['a', 'b', 'c']);
  const base = db.revision;
  await other.put('a', 'theirs');
  await db.put('b', 'ours');
  await other.put('b', 'theirs');
  const asked: string[] = [];
  const conflicts = async (conflict: MergeConflict<string, string>) => {
    asked.push(shown(conflict));
    // What was looked at before is not any more what it was.
    if (asked.length === 1) await db.put('a', 'between');
    return 'ours' as const;
  };
  t.like(await db.merge(other, { base, conflicts }), { ok: true, changes: 0, resolved: 2 });
  t.deepEqual(asked, ['b: B: ours | theirs', 'a: A: between | theirs', 'b: B: ours | theirs']);
  t.is(await db.get('a'), 'between');
  const always = async () => {
    await db.put('c', String(db.revision));
    return { type: 'put', value: 'decided' } as const;
  };
  await other.put('c', 'theirs');
  await db.put('c', 'ours');
  await t.throwsAsync(db.merge(other, { base, conflicts: always }), { code: 'COPPICE_CONFLICT' });
});

test('of 100,000 changes with 10 conflicts exactly those are named', async (t) => {
  t.timeout(120_000);
  const name = (n: number) => `key${String(n).padStart(6, '0')}`;
  const [db, other] = await pair(
    t,
    Array.from({ length: 100_000 }, (_, n) => name(n)),
  );
  const base = db.revision;
  for (let from = 0; from < 100_000; from += 10_000) {
    const keys = Array.from({ length: 10_000 }, (_, n) => name(from + n));
    await other.batch(keys.map((key) => ({ type: 'put', key, value: 'theirs' })));
  }
  const clashing = Array.from({ length: 10 }, (_, n) => name(n * 9_973));
  for (const key of clashing) await db.put(key, 'ours');
  const reported = await db.merge(other, { base });
  t.deepEqual(reported.ok ? [] : reported.conflicts.map(({ key }) => key), clashing);
  t.is(reported.changes, 99_990);
  const merged = await db.merge(other, { base, conflicts: 'ours' });
  t.like(merged, { ok: true, changes: 99_990, resolved: 10, commits: 1 });
});

test('what one commit cannot hold is refused, or written in steps', async (t) => {
  const [db, other] = await pair(t, ['a']);
  const base = db.revision;
  const value = 'x'.repeat(1 << 20);
  for (let n = 0; n < 40; n++) await other.put(`large${String(n).padStart(2, '0')}`, value);
  await t.throwsAsync(db.merge(other, { base }), { code: 'COPPICE_TOO_LARGE', message: /steps/ });
  t.is(await db.count(), 1);
  const merged = await db.merge(other, { base, steps: true });
  t.true(merged.ok && merged.changes === 40 && merged.commits > 3);
  t.is(await db.count(), 41);
});

test('a sublevel is merged alone, with its encodings', async (t) => {
  const [db, other] = await pair(t, ['a']);
  const base = db.revision;
  const of = (one: Texts) => one.sublevel<string, unknown>('users', { valueEncoding: 'json' });
  await of(other).put('ada', { born: 1815 });
  await of(other).put('grace', { born: 1906 });
  await of(db).put('grace', { born: 1907 });
  await other.put('outside', 'not merged');
  const merged = await of(db).merge(other, { base });
  t.deepEqual(merged.ok ? [] : merged.conflicts.map(({ key, theirs }) => [key, theirs?.value]), [
    ['grace', { born: 1906 }],
  ]);
  t.true((await of(db).merge(other, { base, prefix: 'a' })).ok);
  t.deepEqual(await of(db).get('ada'), { born: 1815 });
  t.is(await db.get('outside'), undefined);
});

test('a wrong call is refused with what it lacks', async (t) => {
  const db = await temporaryDatabase(t);
  await t.throwsAsync(db.merge(db, {} as never), { code: 'COPPICE_INVALID', message: /base/ });
  await t.throwsAsync(db.merge('main', { base: db }), { code: 'COPPICE_UNSUPPORTED', message: /with a store/ });
  await t.throwsAsync(db.merge({} as never, { base: db }), { code: 'COPPICE_INVALID', message: /open database/ });
  await t.throwsAsync(db.merge(db, { base: db, conflicts: 'mine' as never }), { code: 'COPPICE_INVALID' });
  await t.throwsAsync(db.merge(db, { base: db, step: true } as never), { code: 'COPPICE_INVALID', message: /step/ });
  const [ours, theirs] = await pair(t, ['a']);
  const base = ours.revision;
  await ours.put('a', '1');
  await theirs.put('a', '2');
  const conflicts = () => 'maybe' as never;
  await t.throwsAsync(ours.merge(theirs, { base, conflicts }), {
    code: 'COPPICE_INVALID',
    message: /answer to a conflict/,
  });
});
