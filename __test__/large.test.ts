import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type Database, type Encoding, open } from '../ts/index.js';
import { temporaryDatabase, temporaryFolder } from './support/database.js';
import { refuses } from './support/errors.js';
import { randomOf, splitMix32 } from './support/random.js';

const MIB = 1 << 20;

/** Bytes that do not compress, and that no other seed has. */
function bytes(seed: number, length: number): Buffer {
  const random = splitMix32(seed);
  const made = Buffer.allocUnsafeSlow(length);
  const words = new Uint32Array(made.buffer, 0, length >> 2);
  for (let at = 0; at < words.length; at++) words[at] = random(2 ** 32);
  return made;
}

function large(t: ExecutionContext): Promise<Database<string, Buffer>> {
  return temporaryDatabase(t, { valueEncoding: 'buffer', memoryBytes: 16 * MIB });
}

test('a value of 64 MiB is stored, read, ranged over, and there when opened again', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  const value = bytes(randomOf(t)(2 ** 31), 64 * MIB);
  for (const round of ['written', 'opened again']) {
    const db = await open(path, { valueEncoding: 'buffer', memoryBytes: 16 * MIB });
    if (round === 'written') await db.batch([{ type: 'put', key: 'a', value: Buffer.from('small') }]);
    if (round === 'written') await db.put('b', value);
    t.true((await db.get('b'))?.equals(value), round);
    t.true((await db.getEntry('b'))?.value.equals(value));
    t.true(db.getSync('b')?.equals(value));
    const rows = await db.entries().toArray();
    t.deepEqual([rows.length, rows[1]?.[0], rows[1]?.[1].equals(value)], [2, 'b', true]);
    t.true((await db.values({ reverse: true }).first())?.equals(value));
    t.deepEqual(await db.keys().toArray(), ['a', 'b']);
    t.deepEqual((await db.verify()).problems, []);
    await db.close();
  }
  t.is((await readdir(path)).filter((name) => name.endsWith('.blob')).length, 3);
});

test('64 values of 2 MiB at once are all there, and memory is kept', async (t) => {
  const db = await large(t);
  const all = bytes(randomOf(t)(2 ** 31), 2 * MIB + 64 * 64);
  const valueAt = (i: number) => all.subarray(64 * i, 64 * i + 2 * MIB);
  const keyOf = (i: number) => String(i).padStart(2, '0');
  await Promise.all(Array.from({ length: 64 }, (_, i) => db.put(keyOf(i), valueAt(i))));
  let row = 0;
  for await (const [key, value] of db.entries()) {
    t.is(key, keyOf(row));
    if (!value.equals(valueAt(row++))) t.fail(`${key} is another value`);
  }
  t.is(row, 64);
  t.true(db.stats().logBytes < 8 * MIB);
});

test('later writes wait behind a large value, in order, and it is whole before they are', async (t) => {
  const db = await large(t);
  const value = bytes(1, 3 * MIB);
  const first = db.put('key', value);
  const second = db.put('key', Buffer.from('small'));
  const third = db.del('gone');
  t.is(await db.get('key'), undefined, 'it is not there before it is written');
  const revisions = (await Promise.all([first, second, third])).map(({ revision }) => revision);
  t.deepEqual(revisions, [2, 3, 4]);
  t.is(String(await db.get('key')), 'small');
  t.is(db.stats().queuedWrites, 0);
});

test('text over 1 MiB is as large as its bytes are many', async (t) => {
  const db = await temporaryDatabase(t);
  for (const text of ['€'.repeat(400_000), 'a'.repeat(MIB), 'a'.repeat(MIB + 1), 'ß'.repeat(300_000)]) {
    await db.put('key', text);
    t.true((await db.get('key')) === text);
    t.true((await db.entries().toArray())[0]?.[1] === text);
  }
});

test('a batch is one commit whatever is in it, with conditions and deadlines', async (t) => {
  const db = await large(t);
  const value = bytes(2, 2 * MIB);
  const batch = db.batch().put('a', value).put('b', Buffer.from('small')).put('c', value, { ttl: '1h' }).del('d');
  t.true(batch.bytes < 1_000);
  const { revision } = (await batch.write()) as { revision: number };
  const entry = await db.getEntry('c');
  t.is(entry?.revision, revision);
  t.true(entry?.expiresAt !== undefined && entry.value.equals(value));

  const files = db.stats().blobs.files;
  const refused = await db
    .batch()
    .check({ key: 'a', revision: null })
    .put('a', bytes(3, 2 * MIB))
    .write();
  t.false(refused.ok);
  t.true((await db.get('a'))?.equals(value));
  t.is(db.stats().blobs.files, files, 'what was refused takes no room');
});

test('over a limit nothing is written, and the batch goes on', async (t) => {
  const db = await large(t);
  await refuses(t, 'COPPICE_TOO_LARGE', () => db.put('key', Buffer.alloc(2 ** 30 + 1)));
  const batch = db.batch();
  const value = Buffer.alloc(2 ** 29);
  batch.put('a', value).put('b', value.subarray(0, 2 ** 29));
  await refuses(t, 'COPPICE_TOO_LARGE', async () => batch.put('c', bytes(4, 2 * MIB)));
  t.is(batch.length, 2);
  batch.close();
  t.is(await db.count(), 0);
});

test('an aborted write of a large value leaves nothing', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  const db = await open(path, { valueEncoding: 'buffer' });
  const controller = new AbortController();
  const writing = db.batch([{ type: 'put', key: 'key', value: bytes(5, 32 * MIB) }], { signal: controller.signal });
  const next = db.put('next', Buffer.from('value'));
  // Its first piece is on its way to the disk by now; on a fast one the whole may be there within one turn.
  controller.abort();
  await refuses(t, 'COPPICE_ABORTED', () => writing);
  await next;
  t.deepEqual(await db.keys().toArray(), ['next']);
  await db.close();
  t.deepEqual(
    (await readdir(path)).filter((name) => name.endsWith('.blob')),
    [],
  );
});

test('a database that is closed meanwhile first finishes the write', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  const db = await open(path, { valueEncoding: 'buffer' });
  const value = bytes(6, 5 * MIB);
  const writing = db.put('key', value);
  await db.close();
  t.true((await writing).ok);
  const again = await open(path, { valueEncoding: 'buffer' });
  t.true((await again.get('key'))?.equals(value));
  await again.close();
});

test('an encoding may answer the same bytes object for every key and value', async (t) => {
  const scratch = Buffer.alloc(4 * MIB);
  const repeated: Encoding<string> = {
    name: 'repeated',
    encode: (text) => scratch.subarray(0, text.startsWith('large') ? 2 * MIB : text.length).fill(text),
    decode: (bytes) => Buffer.from(bytes.subarray(0, 8)).toString(),
  };
  const db = await temporaryDatabase(t, { keyEncoding: 'utf8', valueEncoding: repeated });
  const small = await temporaryDatabase(t, { keyEncoding: repeated, valueEncoding: repeated });
  const pairs = Array.from({ length: 8 }, (_, i) => [`k${i}`, i % 2 === 0 ? `large ${i}.` : `value ${i}`] as const);
  await Promise.all(pairs.map(([key, value]) => db.put(key, value)));
  t.deepEqual(
    await db.entries().toArray(),
    pairs.map(([key, value]) => [key, value]),
  );
  await small.batch(pairs.map(([key]) => ({ type: 'put', key, value: `of ${key}` })));
  t.deepEqual(await small.entries({ gte: 'k2', lt: 'k4' }).toArray(), [
    ['k2', 'of k2'],
    ['k3', 'of k3'],
  ]);
  await small.delRange({ gte: 'k1', lte: 'k6' });
  t.deepEqual(await small.keys().toArray(), ['k0', 'k7']);
});

test('bytes that go away while they are written are refused', async (t) => {
  const db = await large(t);
  const value = new Uint8Array(16 * MIB);
  const writing = db.put('key', Buffer.from(value.buffer));
  structuredClone(value.buffer, { transfer: [value.buffer] });
  await refuses(t, 'COPPICE_INVALID', () => writing);
  t.is(await db.get('key'), undefined);
  await db.put('key', Buffer.from('another'));
  t.is(String(await db.get('key')), 'another');
});
