/** Walks of iterators, made at random over Coppice and over `memory-level` at the same time: what one gives the other has to give. */

import { join } from 'node:path';
import type { AbstractLevel, AbstractSnapshot } from 'abstract-level';
import test from 'ava';
import { MemoryLevel } from 'memory-level';
import { CoppiceLevel } from '../../ts/level/index.js';
import { temporaryFolder } from '../support/database.js';
import { type Random, randomOf } from '../support/random.js';

type Level = AbstractLevel<string | Buffer | Uint8Array, Buffer, Buffer>;
/** What iterators of entries, keys and values have in common. */
interface Walk {
  next(): Promise<unknown>;
  nextv(size: number): Promise<unknown[]>;
  all(): Promise<unknown[]>;
  seek(key: Buffer): void;
  close(): Promise<void>;
}
type Both<T> = readonly [ours: T, theirs: T];

const DATABASES = 6;
const ROUNDS = 60;
const STEPS = 14;
const BUFFERS = { keyEncoding: 'buffer', valueEncoding: 'buffer' } as const;

/** Few enough that they meet, and long ones begin as short ones do. */
function keyOf(random: Random): Buffer {
  const length = random(20) === 0 ? 0 : 1 + random(3);
  return Buffer.from(Array.from({ length }, () => [0, 1, 97, 98, 99, 254, 255][random(7)] as number));
}

function boundsOf(random: Random): object {
  const bounds: Record<string, unknown> = {};
  for (const name of ['gt', 'gte', 'lt', 'lte']) if (random(4) === 0) bounds[name] = keyOf(random);
  if (random(2) === 0) bounds.reverse = true;
  if (random(4) === 0) bounds.limit = random(2) === 0 ? random(5) : random(400);
  if (random(4) === 0) bounds.values = false;
  return bounds;
}

async function change(random: Random, both: Both<Level>): Promise<void> {
  const operations = Array.from({ length: 1 + random(20) }, () => {
    const key = keyOf(random);
    return random(3) === 0 ? { type: 'del' as const, key } : { type: 'put' as const, key, value: keyOf(random) };
  });
  for (const db of both) await db.batch(operations.map((operation) => ({ ...operation })));
}

const begin: readonly ((db: Level, options: object) => Walk)[] = [
  (db, options) => db.iterator(options),
  (db, options) => db.keys(options),
  (db, options) => db.values(options),
];

/** A `nextv` may give fewer than it was asked for: what counts is what comes in the end. */
async function take(walk: Walk, size: number): Promise<unknown[]> {
  const rows: unknown[] = [];
  while (rows.length < size) {
    const more = await walk.nextv(size - rows.length);
    if (more.length === 0) break;
    rows.push(...more);
  }
  return rows;
}

/** What was asked of both, and what they gave; the walks are closed at the end. */
async function walked(
  random: Random,
  both: Both<Level>,
  walks: Both<Walk>,
): Promise<{ asked: string[]; gave: Both<string[]> }> {
  const asked: string[] = [];
  const gave: Both<string[]> = [[], []];
  const ask = async (what: string, of: (walk: Walk) => unknown) => {
    asked.push(what);
    for (const [i, walk] of walks.entries()) (gave[i] as string[]).push(shown(await of(walk)));
  };
  for (let step = 0; step < STEPS; step++) {
    const kind = random(9);
    if (kind < 3) await ask('next', (walk) => walk.next());
    else if (kind < 5) {
      const size = random(3) === 0 ? 1 + random(300) : 1 + random(6);
      await ask(`nextv ${size}`, (walk) => take(walk, size));
    } else if (kind < 8) {
      const key = keyOf(random);
      await ask(`seek ${key.toString('hex')}`, (walk) => walk.seek(key));
    } else await change(random, both);
  }
  if (random(3) === 0) await ask('all', (walk) => walk.all());
  await ask('close', (walk) => walk.close());
  return { asked, gave };
}

function shown(answer: unknown): string {
  return (
    JSON.stringify(answer, (_, value) => (value?.type === 'Buffer' ? Buffer.from(value).toString('hex') : value)) ?? ''
  );
}

test('iterators give what those of memory-level give, wherever they are sent', async (t) => {
  t.timeout(120_000);
  const random = randomOf(t);
  let rows = 0;
  for (let made = 0; made < DATABASES; made++) {
    const [ours, theirs] = [
      new CoppiceLevel<Buffer, Buffer>(join(await temporaryFolder(t), 'db'), BUFFERS),
      new MemoryLevel<Buffer, Buffer>(BUFFERS),
    ];
    const whole: Both<Level> = [ours, theirs as unknown as Level];
    const parts = whole.map((db) => db.sublevel<Buffer, Buffer>('part', BUFFERS)) as unknown as Both<Level>;
    for (let i = random(60); i > 0; i--) await change(random, random(2) === 0 ? whole : parts);
    for (let round = 0; round < ROUNDS; round++) {
      const both = random(3) === 0 ? parts : whole;
      if (random(6) === 0) await ours.compactRange(Buffer.alloc(0), Buffer.alloc(3, 255));
      const options = boundsOf(random);
      const snapshots: AbstractSnapshot[] = random(4) === 0 ? both.map((db) => db.snapshot()) : [];
      if (random(2) === 0) await change(random, both);
      const kind = random(3);
      const walks = both.map((db, i) =>
        (begin[kind] as (typeof begin)[number])(db, { ...options, ...(snapshots[i] && { snapshot: snapshots[i] }) }),
      );
      const { asked, gave } = await walked(random, both, walks as unknown as Both<Walk>);
      for (const snapshot of snapshots) await snapshot.close();
      t.deepEqual(gave[0], gave[1], `${['iterator', 'keys', 'values'][kind]} ${shown(options)}: ${asked.join(', ')}`);
      rows += gave[0].filter((row) => row !== '' && row !== '[]').length;
    }
    for (const db of whole) await db.close();
  }
  t.true(rows > 500, `${rows} answers with rows`);
});

test('a seek does not fail where the snapshot is closed; the read after it does', async (t) => {
  const dbs = [new CoppiceLevel(join(await temporaryFolder(t), 'db')), new MemoryLevel()] as unknown as Level[];
  for (const db of dbs) {
    await db.put(Buffer.from('a'), Buffer.from('1'), BUFFERS);
    for (const read of [0, 1, 3]) {
      const snapshot = db.snapshot();
      const walk = db.keys({ snapshot });
      for (let i = 0; i < read; i++) await walk.next();
      await snapshot.close();
      t.notThrows(() => walk.seek(Buffer.from('a')));
      await t.throwsAsync(() => walk.next(), { code: 'LEVEL_SNAPSHOT_NOT_OPEN' });
      await walk.close();
    }
    await db.close();
  }
});
