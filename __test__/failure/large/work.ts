/**
 * What is large, each in a way of its own: how it is written, and how it is read again.
 *
 * @module
 */

import { strict as assert } from 'node:assert';
import type { Database } from '../../../ts/index.js';
import { values } from './values.js';

/** What a database is given if nothing is said. */
export const MEMORY_BYTES = 64 << 20;

export const WHATS = ['a value', 'many values', 'a batch', 'a batch of records', 'keys'] as const;
export type What = (typeof WHATS)[number];

const VALUE_BYTES_MAX = 1 << 30;
const MIB = 1 << 20;
const KEY_BYTES_MAX = 65_535;
const KEYS_BYTES = 100_000_000;

type Db = Database<string, Buffer>;

export interface Work {
  /** Answers the bytes written. */
  write(db: Db): Promise<number>;
  /** What is there must be all of it, or, of what is written in one commit, none. Answers the bytes compared. */
  read(db: Db, whole: boolean): Promise<number>;
  /** What a read gives to its caller at a time. */
  valueBytes: number;
  /** What the program holds of a batch before it is written. */
  batchBytes: number;
}

export function work(what: What, seed: number): Work {
  switch (what) {
    case 'a value':
      return puts(seed, VALUE_BYTES_MAX, 1);
    case 'many values':
      return puts(seed, 16 * MIB, 64);
    case 'a batch':
      return batch(seed, 16 * MIB, 64);
    case 'a batch of records':
      // 32 MiB less what 64 operations and the record take beside their values.
      return batch(seed, MIB / 2 - 100, 64);
    case 'keys':
      return keys(Math.ceil(KEYS_BYTES / KEY_BYTES_MAX));
  }
}

function name(number: number): string {
  return `value/${String(number).padStart(4, '0')}`;
}

/** All at once. */
function puts(seed: number, bytes: number, count: number): Work {
  const valueAt = values(seed, bytes, count);
  return {
    async write(db) {
      await Promise.all(Array.from({ length: count }, (_, i) => db.put(name(i), valueAt(i))));
      return bytes * count;
    },
    read: (db, whole) => compare(db, valueAt, count, whole ? count : 0),
    valueBytes: bytes,
    batchBytes: 0,
  };
}

function batch(seed: number, bytes: number, count: number): Work {
  const valueAt = values(seed, bytes, count);
  return {
    async write(db) {
      const all = db.batch();
      for (let i = 0; i < count; i++) all.put(name(i), valueAt(i));
      // It is at its limit.
      assert.throws(() => all.put('one more', valueAt(0)), { code: 'COPPICE_TOO_LARGE' });
      await collect();
      await all.write();
      return bytes * count;
    },
    async read(db, whole) {
      const found = await db.count();
      assert(found === count || (found === 0 && !whole), `${found} of ${count} values of one commit`);
      return compare(db, valueAt, count, found);
    },
    valueBytes: bytes,
    batchBytes: bytes > MIB ? 0 : bytes * count,
  };
}

/** Key by key, as a range forward, and its keys backward. */
async function compare(db: Db, valueAt: (number: number) => Buffer, count: number, least: number): Promise<number> {
  let bytes = 0;
  let found = 0;
  await collect();
  for (let i = 0; i < count; i++) {
    const length = await compareOne(db, i, valueAt);
    await collect();
    assert.equal(await db.has(name(i)), length !== undefined);
    if (length === undefined) continue;
    found++;
    bytes += length;
  }
  assert(found >= least, `${found} of ${count} values`);
  let rows = 0;
  for await (const [key, value] of db.entries({ batchSize: 1 })) {
    assert(value.equals(valueAt(Number(key.slice(-4)))), `${key} is another value in a range`);
    rows++;
    bytes += value.length;
    await collect();
  }
  assert.deepEqual([rows, (await db.keys({ reverse: true }).toArray()).length], [found, found]);
  return bytes;
}

/** The length of a value; nothing if it is not there. */
async function compareOne(db: Db, number: number, valueAt: (number: number) => Buffer): Promise<number | undefined> {
  const value = await db.get(name(number));
  assert(value === undefined || value.equals(valueAt(number)), `${name(number)} is another value`);
  return value?.length;
}

/** What was read is the reader's to hold; this one lets go of it at once. */
async function collect(): Promise<void> {
  // Memory that the engine has lent is given back by another thread, some turns later.
  for (let turns = 0; turns < 3; turns++) {
    globalThis.gc?.();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

function keys(count: number): Work {
  const keyOf = (i: number) => String(i).padStart(5, '0') + 'k'.repeat(KEY_BYTES_MAX - 5);
  return {
    async write(db) {
      for (let i = 0; i < count; i += 50) {
        const some = Array.from({ length: Math.min(50, count - i) }, (_, k) => i + k);
        await db.batch(some.map((k) => ({ type: 'put', key: keyOf(k), value: Buffer.from(String(k)) })));
      }
      return count * KEY_BYTES_MAX;
    },
    async read(db, whole) {
      let rows = 0;
      for await (const [key, value] of db.entries()) {
        assert(key === keyOf(rows) && String(value) === String(rows), `row ${rows} is another`);
        rows++;
      }
      assert(rows === count || !whole, `${rows} of ${count} keys`);
      for (let i = 0; i < rows; i += 7) assert.equal(String(await db.get(keyOf(i))), String(i));
      assert.equal((await db.keys({ reverse: true, limit: 3 }).toArray())[0], rows > 0 ? keyOf(rows - 1) : undefined);
      return rows * KEY_BYTES_MAX;
    },
    valueBytes: 0,
    batchBytes: 0,
  };
}
