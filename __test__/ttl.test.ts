import { join } from 'node:path';
import test from 'ava';
import { open } from '../ts/index.js';
import { temporaryDatabase, temporaryFolder } from './support/database.js';
import { refuses } from './support/errors.js';

const until = async (time: number) => {
  while (Date.now() <= time) await new Promise((resolve) => setTimeout(resolve, 5));
};

test('a key is gone for every read once it expired', async (t) => {
  const db = await temporaryDatabase(t);
  await db.put('stays', '1');
  await db.put('goes', '1', { ttl: 80 });
  const entry = await db.getEntry('goes');
  t.true(entry?.expiresAt instanceof Date);
  await until(Number(entry?.expiresAt));
  t.is(await db.get('goes'), undefined);
  t.is(await db.getEntry('goes'), undefined);
  t.false(await db.has('goes'));
  t.deepEqual(await db.keys().toArray(), ['stays']);
  t.is(await db.count(), 1);
});

test('ttl counts from the call, expiresAt names the time', async (t) => {
  const db = await temporaryDatabase(t);
  const before = Date.now();
  await db.put('a', '1', { ttl: '1h' });
  const expiresAt = Number((await db.getEntry('a'))?.expiresAt);
  t.true(expiresAt >= before + 3_600_000 && expiresAt <= Date.now() + 3_600_000);
  const date = new Date(Date.now() + 1_000_000);
  await db.batch([{ type: 'put', key: 'b', value: '1', expiresAt: date }]);
  t.deepEqual((await db.getEntry('b'))?.expiresAt, date);
  await db.batch().put('c', '1', { expiresAt: date }).write();
  t.deepEqual((await db.getEntry('c'))?.expiresAt, date);
});

test('the first moment that can be named is past, and not none', async (t) => {
  const db = await temporaryDatabase(t);
  await db.put('a', '1', { expiresAt: new Date(0) });
  t.is(await db.get('a'), undefined);
});

test('a put without expiry clears it', async (t) => {
  const db = await temporaryDatabase(t);
  await db.put('a', '1', { ttl: '1h' });
  await db.put('a', '2');
  t.is((await db.getEntry('a'))?.expiresAt, undefined);
});

test('a value put with a time in the past is never seen', async (t) => {
  const db = await temporaryDatabase(t);
  await db.put('a', 'old');
  await db.put('a', 'new', { expiresAt: new Date(1) });
  t.is(await db.get('a'), undefined);
});

test('touch changes or clears the expiry and keeps the value', async (t) => {
  const db = await temporaryDatabase(t, { valueEncoding: 'json' });
  await db.put('a', { deep: [1] }, { ttl: '1m' });
  const { revision } = await db.touch('a', '2h');
  const entry = await db.getEntry('a');
  t.is(entry?.revision, revision);
  t.deepEqual(entry?.value, { deep: [1] });
  t.true(Number(entry?.expiresAt) > Date.now() + 3_600_000);
  await db.touch('a', null);
  t.is((await db.getEntry('a'))?.expiresAt, undefined);
});

test('a sublevel touches its own keys', async (t) => {
  const db = await temporaryDatabase(t);
  const sessions = db.sublevel('sessions', { keyEncoding: 'tuple' });
  await sessions.put(['ada', 1], 'open', { ttl: '1m' });
  await sessions.touch(['ada', 1], '2h');
  const entry = await sessions.getEntry(['ada', 1]);
  t.is(entry?.value, 'open');
  t.true(Number(entry?.expiresAt) > Date.now() + 3_600_000);
  await refuses(t, 'COPPICE_NOT_FOUND', () => db.touch('ada', '1m'));
});

test('touch of a key that has no value is refused', async (t) => {
  const db = await temporaryDatabase(t);
  await refuses(t, 'COPPICE_NOT_FOUND', () => db.touch('never', '1m'));
  await db.put('expired', '1', { expiresAt: new Date(1) });
  await refuses(t, 'COPPICE_NOT_FOUND', () => db.touch('expired', '1m'));
  await refuses(t, 'COPPICE_INVALID', () => db.touch('never', 'soon'), /^ttl must be/);
  await refuses(t, 'COPPICE_INVALID', () => db.touch('never', undefined as never), /^ttl must be/);
});

test.serial('a clock that steps back neither brings back what has expired nor takes what has not', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  await using db = await open(path);
  await db.put('short', '1', { ttl: 1 });
  await db.put('long', '1', { ttl: '1h' });
  while ((await db.get('short')) !== undefined) await new Promise((resolve) => setTimeout(resolve, 1));
  // The engine's own clock is stepped back in its tests (a_clock_that_steps_back_brings_nothing_back).
  const { now } = Date;
  Date.now = () => now() - 24 * 3_600_000;
  t.teardown(() => {
    Date.now = now;
  });
  await db.put('later', '1', { ttl: '1h' });
  await db.batch([{ type: 'put', key: 'in a batch', value: '1', ttl: '1h' }]);
  await db.batch().put('in a chain', '1', { ttl: '1h' }).write();
  await db.touch('long', '2h');
  t.deepEqual(await db.keys().toArray(), ['in a batch', 'in a chain', 'later', 'long']);
  const expires = async (key: string) => (await db.getEntry(key))?.expiresAt?.getTime() as number;
  t.true((await expires('long')) > (await expires('later')) + 3_000_000);
});
