import test from 'ava';
import type { Database, RangeOptions } from '../ts/index.js';
import { fill, temporaryDatabase } from './support/database.js';
import { refuses } from './support/errors.js';
import { randomOf } from './support/random.js';

const LETTERS = ['a', 'b', 'c', 'd', 'e'];

async function letters(db: Database<string, string>, options: RangeOptions<string>): Promise<string> {
  return (await db.keys(options).toArray()).join('');
}

test('entries, records, keys and values give the same rows in the order of their keys', async (t) => {
  const db = await temporaryDatabase(t);
  await fill(db, ['c', 'a', 'b']);
  const { revision } = db;
  t.deepEqual(await db.entries().toArray(), [
    ['a', 'A'],
    ['b', 'B'],
    ['c', 'C'],
  ]);
  t.deepEqual(await db.keys().toArray(), ['a', 'b', 'c']);
  t.deepEqual(await db.values().toArray(), ['A', 'B', 'C']);
  t.deepEqual(await db.records({ limit: 1 }).toArray(), [{ key: 'a', value: 'A', revision }]);
});

test('bounds include or leave out their key, whether it exists or not', async (t) => {
  const db = await temporaryDatabase(t);
  await fill(db, LETTERS);
  t.is(await letters(db, { gt: 'b' }), 'cde');
  t.is(await letters(db, { gte: 'b' }), 'bcde');
  t.is(await letters(db, { lt: 'd' }), 'abc');
  t.is(await letters(db, { lte: 'd' }), 'abcd');
  t.is(await letters(db, { gte: 'bb', lte: 'cc' }), 'c');
  t.is(await letters(db, { gt: 'a', lt: 'e', reverse: true }), 'dcb');
  t.is(await letters(db, { gte: 'b', limit: 2 }), 'bc');
  t.is(await letters(db, { lte: 'd', reverse: true, limit: 2 }), 'dc');
  t.is(await letters(db, { limit: 0 }), '');
  t.is(await letters(db, { gt: undefined, prefix: undefined }), 'abcde');
});

test('a range between bounds in the wrong order is empty', async (t) => {
  const db = await temporaryDatabase(t);
  await fill(db, LETTERS);
  t.is(await letters(db, { gte: 'd', lte: 'b' }), '');
  t.is(await letters(db, { gt: 'd', lt: 'b', reverse: true }), '');
  t.is(await letters(db, { gt: 'c', lt: 'c' }), '');
  t.is(await letters(db, { gte: 'c', lte: 'c' }), 'c');
  t.is(await letters(db, { gt: 'c', lte: 'c' }), '');
});

test('a prefix gives the keys that start with it, up to the last byte there is', async (t) => {
  const db = await temporaryDatabase(t, { keyEncoding: 'buffer' });
  const keys = ['', '00', '61', '61ff', '61ff00', '61ffff', '61ffffff', '62', 'ff', 'ff00', 'ffff'];
  for (const key of keys) await db.put(Buffer.from(key, 'hex'), '');
  const having = async (prefix: string, reverse = false) => {
    const found = await db.keys({ prefix: Buffer.from(prefix, 'hex'), reverse }).toArray();
    return found.map((key) => key.toString('hex'));
  };
  for (const prefix of keys) {
    const wanted = keys.filter((key) => key.startsWith(prefix));
    t.deepEqual(await having(prefix), wanted);
    t.deepEqual(await having(prefix, true), wanted.toReversed());
  }
});

test('a beginning of a tuple bounds those that begin so, also by its type', async (t) => {
  const db = await temporaryDatabase(t);
  const jobs = db.sublevel<[due: number, id: string], string>('jobs', { keyEncoding: 'tuple' });
  await jobs.put([1, 'a'], '');
  await jobs.put([2, 'a'], '');
  await jobs.put([2, 'b'], '');
  const [first] = await jobs.keys({ prefix: [2] }).toArray();
  t.deepEqual(first, [2, 'a']);
  t.is(first?.[1].length, 1);
  t.is(await jobs.count({ lt: [2] }), 1);
  t.is(await jobs.count({ gte: [2, 'b'], prefix: [] }), 1);
  // @ts-expect-error the first item of a key is a number
  t.is(await jobs.count({ prefix: ['a'] }), 0);
});

test('a prefix and bounds together give the keys that satisfy both', async (t) => {
  const db = await temporaryDatabase(t);
  await fill(db, ['a1', 'a2', 'a3', 'b1', 'b2']);
  t.deepEqual(await db.keys({ prefix: 'a', gt: 'a1' }).toArray(), ['a2', 'a3']);
  t.deepEqual(await db.keys({ prefix: 'a', gte: 'a', lte: 'b1' }).toArray(), ['a1', 'a2', 'a3']);
  t.deepEqual(await db.keys({ prefix: 'b', lt: 'b2' }).toArray(), ['b1']);
  t.deepEqual(await db.keys({ prefix: 'a', gt: 'b' }).toArray(), []);
});

test('bounds that contradict each other are refused', async (t) => {
  const db = await temporaryDatabase(t);
  await refuses(t, 'COPPICE_INVALID', () => db.keys({ gt: 'a', gte: 'a' }), /gt or gte, not both/);
  await refuses(t, 'COPPICE_INVALID', () => db.keys({ lt: 'a', lte: 'a' }), /lt or lte, not both/);
});

test('wrong options of a range are refused by name', async (t) => {
  const db = await temporaryDatabase(t);
  const wrong: [string, unknown][] = [
    ['gt', 1],
    ['gte', null],
    ['lt', Buffer.from('a')],
    ['lte', {}],
    ['prefix', 5],
    ['reverse', 'yes'],
    ['limit', -1],
    ['limit', 1.5],
    ['limit', '10'],
    ['limit', Number.NaN],
    ['batchSize', 0],
    ['batchSize', 1e9],
    ['cursor', 'not a cursor!'],
    ['cursor', 'AAAA'],
    ['cursor', ''],
    ['cursor', 7],
  ];
  for (const [option, value] of wrong) {
    const error = await refuses(t, 'COPPICE_INVALID', () => db.entries({ [option]: value }));
    t.true(error.message.startsWith(`${option} must be`), error.message);
  }
  await refuses(t, 'COPPICE_INVALID', () => db.entries({ at: '3' as never }), /at must be a revision/);
});

test('every way to read a range gives the same rows, whatever the size of its chunks', async (t) => {
  const db = await temporaryDatabase(t);
  const keys = Array.from({ length: 3_333 }, (_, i) => `k${String(i).padStart(5, '0')}`);
  await fill(db, keys);
  for (const reverse of [false, true]) {
    const wanted = reverse ? keys.toReversed() : keys;
    for (const batchSize of [undefined, 1, 7, 1_000, 3_333, 5_000]) {
      const options = batchSize === undefined ? { reverse } : { reverse, batchSize };
      t.deepEqual(await db.keys(options).toArray(), wanted);
      t.deepEqual(db.keys(options).toArraySync(), wanted);
      t.deepEqual([...db.keys(options)], wanted);
    }
    const seen: string[] = [];
    for await (const key of db.keys({ reverse })) seen.push(key);
    t.deepEqual(seen, wanted);
    for (const limit of [1, 15, 16, 17, 999, 1_000, 1_001, 3_333, 4_000]) {
      t.deepEqual(await db.keys({ reverse, limit }).toArray(), wanted.slice(0, limit));
    }
  }
});

test('ranges over random keys with random options agree with a sorted array', async (t) => {
  const random = randomOf(t);
  const db = await temporaryDatabase(t);
  const word = () => Array.from({ length: random(4) }, () => 'abc'[random(3)]).join('');
  const keys = [...new Set(Array.from({ length: 60 }, word))].toSorted();
  await fill(db, keys);
  for (let i = 0; i < 500; i++) {
    const options: RangeOptions<string> = { reverse: random(2) === 1 };
    if (random(2)) options[random(2) ? 'gt' : 'gte'] = word();
    if (random(2)) options[random(2) ? 'lt' : 'lte'] = word();
    if (random(3) === 0) options.prefix = word();
    if (random(2)) options.limit = random(20);
    if (random(2)) options.batchSize = 1 + random(5);
    const { gt, gte, lt, lte, prefix } = options;
    const inside = keys.filter(
      (key) =>
        (gt === undefined || key > gt) &&
        (gte === undefined || key >= gte) &&
        (lt === undefined || key < lt) &&
        (lte === undefined || key <= lte) &&
        (prefix === undefined || key.startsWith(prefix)),
    );
    const wanted = (options.reverse ? inside.toReversed() : inside).slice(0, options.limit);
    t.deepEqual(await db.keys(options).toArray(), wanted, JSON.stringify(options));
    const many = options.limit ?? Number.POSITIVE_INFINITY;
    t.is(await db.count(options), Math.min(many, inside.length), JSON.stringify(options));
  }
});

test('a range sees the database as of its first row, whatever is written meanwhile', async (t) => {
  const db = await temporaryDatabase(t);
  await fill(db, LETTERS);
  const seen: string[] = [];
  for await (const [key, value] of db.entries({ batchSize: 1 })) {
    seen.push(key + value);
    await db.put('bb', 'new');
    await db.put('d', 'changed');
    await db.del('e');
  }
  t.deepEqual(seen, ['aA', 'bB', 'cC', 'dD', 'eE']);
});

test('break closes a range, and a closed range is not read again', async (t) => {
  const db = await temporaryDatabase(t);
  await fill(db, LETTERS);
  const range = db.keys();
  for await (const key of range) if (key === 'b') break;
  await refuses(t, 'COPPICE_CLOSED', () => range.toArray());
  await refuses(t, 'COPPICE_CLOSED', () => range.first());
  await refuses(t, 'COPPICE_CLOSED', () => range.seek('a'));
  await refuses(t, 'COPPICE_CLOSED', () => [...range]);
  const whole = db.keys();
  await whole.toArray();
  await refuses(t, 'COPPICE_CLOSED', () => whole.toArraySync());
  const never = db.keys();
  await never.close();
  await never.close();
  await refuses(t, 'COPPICE_CLOSED', () => never.toArray());
});

test('first gives the first row in reading direction', async (t) => {
  const db = await temporaryDatabase(t);
  t.is(await db.keys().first(), undefined);
  await fill(db, LETTERS);
  t.is(await db.keys({ gt: 'b' }).first(), 'c');
  t.is(await db.keys({ reverse: true }).first(), 'e');
});

test('seek skips to the first row at or past a key, in reading direction and within the bounds', async (t) => {
  const db = await temporaryDatabase(t);
  await fill(db, LETTERS);
  t.deepEqual(await db.keys().seek('c').toArray(), ['c', 'd', 'e']);
  t.deepEqual(await db.keys().seek('bb').toArray(), ['c', 'd', 'e']);
  t.deepEqual(await db.keys().seek('x').toArray(), []);
  t.deepEqual(await db.keys({ reverse: true }).seek('cc').toArray(), ['c', 'b', 'a']);
  t.deepEqual(await db.keys({ gt: 'b', lt: 'e' }).seek('a').toArray(), ['c', 'd']);
  t.deepEqual(await db.keys({ limit: 2 }).seek('b').toArray(), ['b', 'c']);
  t.deepEqual(await db.keys({ prefix: 'z' }).seek('b').toArray(), []);
});

test('seek may skip again and again, over any number of chunks, and never goes back', async (t) => {
  const db = await temporaryDatabase(t);
  const keys = Array.from({ length: 2_000 }, (_, i) => `k${String(i).padStart(4, '0')}`);
  await fill(db, keys);
  for (const reverse of [false, true]) {
    for (const batchSize of [1, 3, 16, 1_000, 5_000]) {
      const range = db.keys({ reverse, batchSize });
      const seen: string[] = [];
      for (const key of range) {
        seen.push(key);
        const at = Number(key.slice(1)) + (reverse ? -100 : 100);
        range.seek(`k${String(Math.max(0, at)).padStart(4, '0')}`);
        range.seek(reverse ? 'z' : 'a');
      }
      const hundreds = keys.filter((_, i) => (reverse ? 1_999 - i : i) % 100 === 0);
      t.deepEqual(seen, reverse ? [...hundreds.toReversed(), 'k0000'] : hundreds);
    }
  }
});

test('a range with a limit is not skipped in once a row was read', async (t) => {
  const db = await temporaryDatabase(t);
  await fill(db, LETTERS);
  const range = db.keys({ limit: 3 });
  range[Symbol.iterator]().next();
  await refuses(t, 'COPPICE_INVALID', () => range.seek('c'), /before its first row/);
  t.deepEqual(range.toArraySync(), ['b', 'c']);
});

test('a cursor goes on where an earlier range stopped, both ways and by any step', async (t) => {
  const db = await temporaryDatabase(t);
  const keys = Array.from({ length: 100 }, (_, i) => `k${String(i).padStart(3, '0')}`);
  await fill(db, keys);
  for (const reverse of [false, true]) {
    for (const limit of [1, 7, 50, 99, 100, 101]) {
      const seen: string[] = [];
      let cursor: string | undefined;
      do {
        const page = db.keys({ limit, reverse, cursor });
        seen.push(...(await page.toArray()));
        cursor = page.cursor;
      } while (cursor !== undefined);
      t.deepEqual(seen, reverse ? keys.toReversed() : keys);
    }
  }
});

test('a cursor stands after the last row given out, not after the last one fetched', async (t) => {
  const db = await temporaryDatabase(t);
  await fill(db, LETTERS);
  const range = db.values();
  t.is(range.cursor, undefined);
  for (const value of range) if (value === 'B') break;
  t.deepEqual(await db.values({ cursor: range.cursor }).toArray(), ['C', 'D', 'E']);
});

test('a cursor of the other direction is refused', async (t) => {
  const db = await temporaryDatabase(t);
  await fill(db, LETTERS);
  const page = db.keys({ limit: 1 });
  await page.toArray();
  await refuses(t, 'COPPICE_INVALID', () => db.keys({ cursor: page.cursor, reverse: true }), /other direction/);
});

test('a long asynchronous read lets the event loop run', async (t) => {
  const db = await temporaryDatabase(t);
  await fill(
    db,
    Array.from({ length: 10_000 }, (_, i) => String(i)),
  );
  for (const read of [() => db.keys().toArray(), () => db.count(), async () => void (await consume(db.keys()))]) {
    let turns = 0;
    let reading = true;
    const turn = () => {
      turns++;
      if (reading) setImmediate(turn);
    };
    setImmediate(turn);
    await read();
    reading = false;
    t.true(turns >= 5, `${turns} turns`);
  }
});

async function consume(rows: AsyncIterable<unknown>): Promise<number> {
  let consumed = 0;
  for await (const _ of rows) consumed++;
  return consumed;
}

test('a range ends with an error when its signal is aborted', async (t) => {
  const db = await temporaryDatabase(t);
  await fill(
    db,
    Array.from({ length: 5_000 }, (_, i) => String(i)),
  );
  const controller = new AbortController();
  let seen = 0;
  await refuses(t, 'COPPICE_ABORTED', async () => {
    for await (const _ of db.keys({ signal: controller.signal })) if (++seen === 100) controller.abort();
  });
  t.true(seen >= 100 && seen < 5_000);
});

test('a row that cannot be decoded is an error that ends the range', async (t) => {
  const db = await temporaryDatabase(t);
  await db.put('a', '{}');
  await db.put('b', 'no json');
  const same = db.sublevel('s', { valueEncoding: 'json' });
  await db.put('!s!a', '1');
  await db.put('!s!b', 'no json');
  const range = same.entries();
  await refuses(t, 'COPPICE_ENCODING', () => range.toArray(), /not JSON/);
  await refuses(t, 'COPPICE_CLOSED', () => range.toArray());
});
