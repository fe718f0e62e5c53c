/**
 * What the three first options of docs/tuning.md change: the same work under each of their values, in turns.
 * `npx tsc -p tsconfig.build.json && node --import=tsx bench/tuning/main.ts [ROUNDS]`
 *
 * Prints the rows of its tables: medians over the rounds, and in brackets the lowest and the highest.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Database, type OpenOptions, open } from '../../dist/index.js';
import { inFlight } from '../measure.js';
import { short } from '../report/table.js';

const KEYS = 500_000;
const GETS = 100_000;
const MIB = 1 << 20;

type Db = Database<string, string>;
type Figures = Record<string, number>;

const keyOf = (n: number) => `person/${String(n).padStart(8, '0')}`;
/** JSON, as services store it: 200 to 230 bytes of which a part is random. */
const rowOf = (n: number) =>
  JSON.stringify({
    id: n,
    name: `Person number ${n}`,
    email: `person.${(n * 7_919) % 99_991}@example.com`,
    roles: ['reader', n % 7 === 0 ? 'editor' : 'visitor'],
    token: ((n * 2_654_435_761) % 4_294_967_296).toString(36).repeat(6),
    settings: { language: 'en', theme: n % 2 === 0 ? 'dark' : 'light', notifications: true },
  });

async function perSecond(count: number, work: () => unknown): Promise<number> {
  const began = performance.now();
  await work();
  return (1_000 * count) / (performance.now() - began);
}

async function fill(db: Db): Promise<number> {
  return perSecond(KEYS, async () => {
    for (let n = 0; n < KEYS; n += 1_000) {
      const batch = db.batch();
      for (let at = n; at < n + 1_000; at++) batch.put(keyOf((at * 104_729) % KEYS), rowOf(at));
      await batch.write();
    }
  });
}

const random = (n: number) => keyOf((n * 15_485_863) % KEYS);

async function gets(db: Db): Promise<number> {
  return perSecond(GETS, async () => {
    for (let n = 0; n < GETS; n++) if ((await db.get(random(n))) === undefined) throw new Error('a key is missing');
  });
}

async function scan(db: Db): Promise<number> {
  return perSecond(KEYS, async () => {
    let count = 0;
    for await (const key of db.entries()) count += key.length > 0 ? 1 : 0;
    if (count !== KEYS) throw new Error(`${count} keys`);
  });
}

async function durabilities(db: Db): Promise<Figures> {
  const [alone, many, batches] = [4_000, 40_000, 100];
  const put = (n: number) => db.put(keyOf(n), rowOf(n));
  return {
    'put, awaited one by one, a second': await perSecond(alone, () => inFlight(1, alone, put)),
    'put, 64 in flight, a second': await perSecond(many, () => inFlight(64, many, put)),
    'rows in batches of 1,000, a second': await perSecond(1_000 * batches, async () => {
      for (let i = 0; i < batches; i++) {
        await db.batch(Array.from({ length: 1_000 }, (_, n) => ({ type: 'put', key: keyOf(n), value: rowOf(i) })));
      }
    }),
  };
}

async function loaded(db: Db): Promise<Figures> {
  const rows = await fill(db);
  await db.compact();
  await gets(db);
  const before = process.resourceUsage().userCPUTime;
  const read = await gets(db);
  const cpu = (process.resourceUsage().userCPUTime - before) / GETS;
  return {
    'rows in batches of 1,000, a second': rows,
    'get at random, a second': read,
    'processor for a get, microseconds': cpu,
    'scan, rows a second': await scan(db),
    'pages found in memory, %': 100 * db.stats().cacheHitRatio,
    'tables, MB': db.stats().levels.reduce((sum, { bytes }) => sum + bytes, 0) / 1e6,
  };
}

const KILLS = { durability: 'process' } as const;
const TABLES: { work: (db: Db) => Promise<Figures>; settings: Record<string, OpenOptions> }[] = [
  { work: durabilities, settings: { process: KILLS, disk: {} } },
  {
    work: loaded,
    settings: {
      '16 MiB': { ...KILLS, memoryBytes: 16 * MIB },
      '64 MiB': KILLS,
      '256 MiB': { ...KILLS, memoryBytes: 256 * MIB },
    },
  },
  { work: loaded, settings: { lz: KILLS, none: { ...KILLS, compression: 'none' } } },
];

const rounds = Number(process.argv[2] ?? 5);
for (const { work, settings } of TABLES) {
  const figures = new Map<string, Map<string, number[]>>();
  for (let round = 0; round < rounds; round++) {
    for (const [name, options] of Object.entries(settings)) {
      const folder = await mkdtemp(join(tmpdir(), 'coppice-tuning-'));
      const db = await open(folder, options);
      for (const [what, figure] of Object.entries(await work(db))) {
        const row = figures.get(what) ?? new Map<string, number[]>();
        row.set(name, [...(row.get(name) ?? []), figure]);
        figures.set(what, row);
      }
      await db.close();
      await rm(folder, { recursive: true });
    }
  }
  console.log(`| | ${Object.keys(settings).join(' | ')} |`);
  for (const [what, row] of figures) {
    const cells = [...row.values()].map((all) => {
      const sorted = all.toSorted((a, b) => a - b);
      const [low, mid, high] = [sorted[0], sorted[sorted.length >> 1], sorted.at(-1)].map((n) => short(n as number));
      return `${mid} (${low}-${high})`;
    });
    console.log(`| ${what} | ${cells.join(' | ')} |`);
  }
}
