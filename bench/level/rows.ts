/**
 * What is asked of a database of Level: each row through the calls that its manual has for the purpose. Every key and value that
 * comes back is read.
 *
 * @module
 */
import { key, missingKey, Random, shuffled, Values, zipfian } from '../data.js';
import { inFlight, throughput } from '../measure.js';
import { Sink } from '../sink.js';
import type { Level } from './databases.js';

export interface Row {
  title: string;
  /** Answers how often a second. */
  measure(run: Run): Promise<number>;
}

/** What a row is asked with: a database that has `keys` rows, each of which the row leaves there. */
export interface Run {
  db: Level;
  folder: string;
  keys: number;
  seconds: number;
  reopen(): Promise<void>;
}

export const VALUE_BYTES = 100;
const BATCH = 1000;
const SOME = 1 << 16;

const sink = new Sink();
const values = new Values(VALUE_BYTES, { text: true, seed: 11 });
const utf8 = { valueEncoding: 'utf8' } as const;

/** Rows a second of writing the whole data set at random into an empty database. */
export async function load(db: Level, keys: number): Promise<number> {
  const order = shuffled(keys);
  const began = performance.now();
  for (let at = 0; at < keys; at += BATCH) {
    const some = Array.from(order.subarray(at, at + BATCH));
    await db.batch(some.map((i) => ({ type: 'put' as const, key: key(i), value: values.at(i) })));
  }
  return (1000 * keys) / (performance.now() - began);
}

/** Keys of the data set in random order. */
function some(run: Run, make: (i: number) => string = key, seed = 5): (i: number) => string {
  const keys = Array.from(shuffled(run.keys, seed).subarray(0, SOME), (i) => make(i));
  return (i) => keys[i % keys.length] as string;
}

/** A row of single operations, `width` at a time. */
function each(title: string, width: number, chunk: number, start: (run: Run) => (i: number) => unknown): Row {
  return {
    title,
    measure(run) {
      const operation = start(run);
      let at = 0;
      return throughput(chunk, run.seconds, () => inFlight(width, chunk, () => operation(at++)));
    },
  };
}

/** A row of operations that are done when they return. */
function eachSync(title: string, chunk: number, start: (run: Run) => (i: number) => void): Row {
  return {
    title,
    measure(run) {
      const operation = start(run);
      let at = 0;
      return throughput(chunk, run.seconds, () => {
        for (let i = 0; i < chunk; i++) operation(at++);
      });
    },
  };
}

/** A row of going through everything, in rows a second. */
function all(title: string, go: (db: Level) => Promise<void>): Row {
  return { title, measure: ({ db, keys, seconds }) => throughput(keys, seconds, () => go(db)) };
}

/** Runs `count` batches of new values over random keys. */
function batches(title: string, write: (db: Level, keys: string[], at: number) => Promise<unknown>): Row {
  return {
    title,
    measure(run) {
      const keyOf = some(run, key, 9);
      let at = 0;
      return throughput(BATCH, run.seconds, async () => {
        const keys = Array.from({ length: BATCH }, (_, i) => keyOf(at + i));
        await write(run.db, keys, at);
        at += BATCH;
      });
    },
  };
}

const bytes = (found: Buffer | undefined) => sink.value(found);
const text = (found: unknown) => sink.value(found);

export const ROWS: Readonly<Record<string, Row>> = {
  get: each('get, awaited one by one', 1, 2000, (run) => {
    const keyOf = some(run);
    return async (i) => bytes(await run.db.get(keyOf(i)));
  }),
  'get-64': each('get, 64 in flight', 64, 4000, (run) => {
    const keyOf = some(run);
    return async (i) => bytes(await run.db.get(keyOf(i)));
  }),
  'get-text': each('get of text, 64 in flight', 64, 4000, (run) => {
    const keyOf = some(run);
    return async (i) => text(await run.db.get<string, string>(keyOf(i), utf8));
  }),
  'get-missing': each('get of what is not there, 64 in flight', 64, 4000, (run) => {
    const keyOf = some(run, missingKey);
    return async (i) => bytes(await run.db.get(keyOf(i)));
  }),
  'get-sync': eachSync('getSync', 5000, (run) => {
    const keyOf = some(run);
    return (i) => bytes(run.db.getSync(keyOf(i)));
  }),
  'get-sync-text': eachSync('getSync of text', 5000, (run) => {
    const keyOf = some(run);
    return (i) => text(run.db.getSync<string, string>(keyOf(i), utf8));
  }),
  'get-many': each('getMany of 100', 1, 20, (run) => {
    const keyOf = some(run);
    return async (i) => {
      const keys = Array.from({ length: 100 }, (_, at) => keyOf(100 * i + at));
      for (const value of await run.db.getMany(keys)) bytes(value);
    };
  }),
  has: each('has, 64 in flight', 64, 4000, (run) => {
    const [there, missing] = [some(run), some(run, missingKey)];
    return async (i) => text(String(await run.db.has(i % 2 === 0 ? there(i) : missing(i))));
  }),
  'has-many': each('hasMany of 100', 1, 20, (run) => {
    const [there, missing] = [some(run), some(run, missingKey)];
    return async (i) => {
      const keys = Array.from({ length: 100 }, (_, at) => (at % 2 === 0 ? there : missing)(100 * i + at));
      for (const found of await run.db.hasMany(keys)) text(String(found));
    };
  }),
  'get-snapshot': each('snapshot, get through it, close', 1, 1000, (run) => {
    const keyOf = some(run);
    return async (i) => {
      const snapshot = run.db.snapshot();
      bytes(await run.db.get(keyOf(i), { snapshot }));
      await snapshot.close();
    };
  }),
  'get-sublevel': each('get of JSON in a sublevel, 64 in flight', 64, 2000, (run) => {
    const people = run.db.sublevel<string, { id: number; name: string }>('people', { valueEncoding: 'json' });
    const written = people.batch(
      Array.from({ length: 500 }, (_, id) => ({ type: 'put' as const, key: key(id), value: { id, name: 'somebody' } })),
    );
    return async (i) => {
      await written;
      text((await people.get(key(i % 500)))?.name);
    };
  }),
  iterate: all('for await of iterator()', async (db) => {
    for await (const [k, value] of db.iterator()) sink.row(k, value);
  }),
  'iterate-reverse': all('for await of iterator({ reverse: true })', async (db) => {
    for await (const [k, value] of db.iterator({ reverse: true })) sink.row(k, value);
  }),
  next: all('iterator.next()', async (db) => {
    const iterator = db.iterator();
    for (let row = await iterator.next(); row !== undefined; row = await iterator.next()) sink.row(row[0], row[1]);
    await iterator.close();
  }),
  nextv: all('iterator.nextv(1000)', async (db) => {
    const iterator = db.iterator();
    for (let rows = await iterator.nextv(1000); rows.length > 0; rows = await iterator.nextv(1000)) {
      for (const [k, value] of rows) sink.row(k, value);
    }
    await iterator.close();
  }),
  keys: all('for await of keys()', async (db) => {
    for await (const k of db.keys()) text(k);
  }),
  values: all('for await of values()', async (db) => {
    for await (const value of db.values()) bytes(value);
  }),
  'range-100': each('iterator({ gte, limit: 100 }).all()', 1, 100, (run) => {
    const keyOf = some(run);
    return async (i) => {
      for (const [k, value] of await run.db.iterator({ gte: keyOf(i), limit: 100 }).all()) sink.row(k, value);
    };
  }),
  'range-1': each('iterator({ gte, limit: 1 }).next() and close()', 1, 500, (run) => {
    const keyOf = some(run, missingKey);
    return async (i) => {
      const iterator = run.db.iterator({ gte: keyOf(i), limit: 1 });
      const row = await iterator.next();
      if (row !== undefined) sink.row(row[0], row[1]);
      await iterator.close();
    };
  }),
  seek: each('an iterator, and seek() and next() 100 times', 1, 20, (run) => {
    const keyOf = some(run);
    return async (i) => {
      const iterator = run.db.iterator();
      for (let at = 0; at < 100; at++) {
        iterator.seek(keyOf(100 * i + at));
        const row = await iterator.next();
        if (row !== undefined) sink.row(row[0], row[1]);
      }
      await iterator.close();
    };
  }),
  put: each('put, awaited one by one', 1, 2000, (run) => {
    const keyOf = some(run);
    return (i) => run.db.put(keyOf(i), values.at(i));
  }),
  'put-64': each('put, 64 in flight', 64, 4000, (run) => {
    const keyOf = some(run);
    return (i) => run.db.put(keyOf(i), values.at(i));
  }),
  'put-sync': each('put with sync: true, awaited one by one', 1, 200, (run) => {
    const keyOf = some(run);
    return (i) => run.db.put(keyOf(i), values.at(i), { sync: true } as object);
  }),
  'put-sync-64': each('put with sync: true, 64 in flight', 64, 1280, (run) => {
    const keyOf = some(run);
    return (i) => run.db.put(keyOf(i), values.at(i), { sync: true } as object);
  }),
  batch: batches('batch([1000 puts]), rows', (db, keys, at) =>
    db.batch(keys.map((k, i) => ({ type: 'put' as const, key: k, value: values.at(at + i) }))),
  ),
  'batch-10': each('batch([10 puts]), awaited one by one', 1, 500, (run) => {
    const keyOf = some(run);
    return (i) =>
      run.db.batch(
        Array.from({ length: 10 }, (_, at) => ({
          type: 'put' as const,
          key: keyOf(10 * i + at),
          value: values.at(i + at),
        })),
      );
  }),
  'chained-batch': batches('batch().put() 1000 times .write(), rows', (db, keys, at) => {
    const batch = db.batch();
    keys.forEach((k, i) => {
      batch.put(k, values.at(at + i));
    });
    return batch.write();
  }),
  'put-sublevel': each('put of JSON in a sublevel, 64 in flight', 64, 2000, (run) => {
    const people = run.db.sublevel<string, { id: number; name: string }>('people', { valueEncoding: 'json' });
    return (id) => people.put(key(id % 500), { id, name: 'somebody' });
  }),
  mixed: each('half get, 2/5 put, 1/10 del and put back, zipfian, 64 in flight', 64, 4000, (run) => {
    const chosen = zipfian(run.keys, SOME);
    const random = new Random(13);
    const choices = Uint8Array.from({ length: SOME }, () => random.below(10));
    return async (i) => {
      const k = key(chosen[i % SOME] as number);
      const choice = choices[i % SOME] as number;
      if (choice < 5) return bytes(await run.db.get(k));
      if (choice === 9) await run.db.del(k);
      await run.db.put(k, values.at(i));
    };
  }),
  clear: each('batch of 100 puts and clear() of them', 1, 20, ({ db }) => async () => {
    await db.batch(
      Array.from({ length: 100 }, (_, i) => ({ type: 'put' as const, key: `~${i}`, value: values.at(i) })),
    );
    await db.clear({ gte: '~' });
  }),
  open: {
    title: 'close, open and get',
    async measure(run) {
      // Not by benny, whose first call it does not wait for: a folder is not opened twice.
      const keyOf = some(run);
      const began = performance.now();
      let count = 0;
      for (; performance.now() - began < 1000 * run.seconds; count++) {
        await run.reopen();
        bytes(await run.db.get(keyOf(count)));
      }
      return (1000 * count) / (performance.now() - began);
    },
  },
};
