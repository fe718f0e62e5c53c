/**
 * What encryption costs: the same work on an encrypted and on a plain database of this package, a round of one after a round of
 * the other. `npx tsc -p tsconfig.build.json && node --import tsx bench/encryption/main.ts [ROUNDS]`
 *
 * Pages are read from the system's memory and not from the page cache, which is too small for them, so that each is decrypted:
 * a disk would hide it. Ratios are medians over the rounds; below them the lowest and the highest.
 */

import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Database, OpenOptions } from '../../dist/index.js';
import { open } from '../../dist/index.js';

const KEYS = 300_000;
const GETS = 30_000;
const VALUE_BYTES = 100;

type Db = Database<string, Buffer>;
type Options = OpenOptions<'utf8', 'buffer'>;

const keyOf = (n: number) => `key/${String(n).padStart(9, '0')}`;
/** Half of it compresses, as in the other benchmarks. */
const values = Array.from({ length: 1_000 }, () =>
  Buffer.concat([randomBytes(VALUE_BYTES / 2), Buffer.alloc(VALUE_BYTES / 2, 'v')]),
);

async function perSecond(count: number, work: () => Promise<void>): Promise<number> {
  const began = process.hrtime.bigint();
  await work();
  return count / (Number(process.hrtime.bigint() - began) / 1e9);
}

async function puts(db: Db): Promise<void> {
  for (let n = 0; n < KEYS; n += 64) {
    const some = Math.min(64, KEYS - n);
    await Promise.all(Array.from({ length: some }, (_, at) => db.put(keyOf(((n + at) * 7919) % KEYS), value(n + at))));
  }
}

const value = (n: number) => values[n % values.length] as Buffer;

async function gets(db: Db): Promise<void> {
  for (let n = 0; n < GETS; n++) {
    const found = await db.get(keyOf((n * 104_729) % KEYS));
    if (found?.length !== VALUE_BYTES) throw new Error('a key is missing');
  }
}

async function scan(db: Db): Promise<void> {
  let count = 0;
  for await (const [key, found] of db.entries()) count += key.length > 0 && found.length === VALUE_BYTES ? 1 : 0;
  if (count !== KEYS) throw new Error(`${count} keys of ${KEYS}`);
}

async function round(folder: string, encryption: Options['encryption']): Promise<Record<string, number>> {
  const options: Options = {
    valueEncoding: 'buffer',
    durability: 'process',
    memoryBytes: 32 << 20,
    ...(encryption && { encryption }),
  };
  const writer = await open(folder, options);
  const put = await perSecond(KEYS, () => puts(writer));
  await writer.compact();
  await writer.close();
  const reader = await open(folder, { ...options, memtableBytes: 4 << 20, cacheBytes: 1 << 20 });
  const get = await perSecond(GETS, () => gets(reader));
  const scanned = await perSecond(KEYS, () => scan(reader));
  await reader.close();
  await rm(folder, { recursive: true });
  return { 'puts, 64 at once': put, 'gets of cold pages': get, scan: scanned };
}

const median = (numbers: readonly number[]) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1] as number;

const rounds = Number(process.argv[2] ?? 7);
const folder = await mkdtemp(join(tmpdir(), 'coppice-encryption-'));
const rates = new Map<string, { plain: number[]; encrypted: number[] }>();
const key = randomBytes(32);
await round(join(folder, 'warm'), { key });
for (let n = 0; n < rounds; n++) {
  const plain = await round(join(folder, `plain ${n}`), undefined);
  const encrypted = await round(join(folder, `encrypted ${n}`), { key });
  for (const [name, rate] of Object.entries(plain)) {
    const found = rates.get(name) ?? { plain: [], encrypted: [] };
    found.plain.push(rate);
    found.encrypted.push(encrypted[name] as number);
    rates.set(name, found);
  }
}
await rm(folder, { recursive: true });
for (const [name, { plain, encrypted }] of rates) {
  const ratios = encrypted.map((rate, at) => rate / (plain[at] as number));
  const spread = `${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}`;
  const both = `${Math.round(median(encrypted))} against ${Math.round(median(plain))} a second`;
  console.log(`${name}: ${median(ratios).toFixed(2)} of plain (${spread}); ${both}`);
}
