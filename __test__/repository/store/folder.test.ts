import { once } from 'node:events';
import { chmod, link, mkdir, readdir, readFile, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import test from 'ava';
import { fsStore, outcomeOf } from '../../../ts/index.js';
import { temporaryFolder } from '../../support/database.js';
import { refuses } from '../../support/errors.js';
import { body, bytes, conforms } from './conformance.js';
import { startWriter } from './folder/start.js';

conforms(test, 'folder', async (t) => fsStore(join(await temporaryFolder(t), 'store')));

test('an object is a plain file of its name, and nothing else is left in its way', async (t) => {
  const folder = await temporaryFolder(t);
  const store = fsStore(folder);
  await store.put('heads/main', bytes('one'), { ifNoneMatch: '*' });
  await store.put('heads/main', bytes('two'));
  t.is(await readFile(join(folder, 'heads', 'main'), 'utf8'), 'two');
  t.deepEqual(await readdir(join(folder, 'heads')), ['main']);
  t.deepEqual(await readdir(join(folder, '.coppice', 'new')), []);
});

test('two stores of one folder see each other', async (t) => {
  const folder = await temporaryFolder(t);
  const { etag } = await fsStore(folder).put('k', bytes('one'));
  await fsStore(folder).put('k', bytes('two'), { ifMatch: etag });
  t.is(await body(fsStore(folder), 'k'), 'two');
});

test('what is no file of the store is no object of it', async (t) => {
  const folder = await temporaryFolder(t);
  const outside = await temporaryFolder(t);
  await writeFile(join(outside, 'secret'), 'not of this store');
  const store = fsStore(folder);
  await store.put('d/k', bytes('x'));
  await symlink(join(outside, 'secret'), join(folder, 'd', 'link'));
  await mkdir(join(folder, 'd', 'folder'));
  await writeFile(join(folder, 'd', 'a name with blanks'), 'x');
  t.is(await store.get('d/link'), undefined);
  t.is(await store.head('d/link'), undefined);
  t.is(await store.get('d/folder'), undefined);
  await store.del(['d/link', 'd/folder']);
  const listed = [];
  for await (const { key } of store.list('')) listed.push(key);
  t.deepEqual(listed, ['d/k']);
  t.is(await readFile(join(outside, 'secret'), 'utf8'), 'not of this store');
});

test('a key cannot be both an object and the beginning of others, and the error says so', async (t) => {
  const store = fsStore(await temporaryFolder(t));
  await store.put('a', bytes('x'));
  await store.put('b/c', bytes('x'));
  for (const attempt of [
    () => store.put('a/b', bytes('x')),
    () => store.put('b', bytes('x'), { ifNoneMatch: '*' }),
    () => store.put('b', bytes('x')),
  ]) {
    const error = await refuses(t, 'COPPICE_STORE', attempt, /choose other keys/);
    t.is(outcomeOf(error), 'refused');
  }
});

test('a folder that this process may not write is refused with what to do', async (t) => {
  const folder = await temporaryFolder(t);
  await writeFile(join(folder, 'file'), '');
  for (const place of [join(folder, 'file'), join(folder, 'file', 'store')]) {
    const error = await refuses(t, 'COPPICE_STORE', () => fsStore(place).put('k', bytes('x')), /name a folder/);
    t.is(outcomeOf(error), 'refused');
  }
  if (process.getuid?.() === 0 || process.platform === 'win32') return;
  await chmod(folder, 0o500);
  await refuses(t, 'COPPICE_STORE', () => fsStore(join(folder, 'store')).put('k', bytes('x')), /give it the folder/);
});

if (process.platform === 'linux') {
  test('a place that takes no folders is refused', async (t) => {
    const error = await refuses(t, 'COPPICE_STORE', () => fsStore('/proc/store').put('k', bytes('x')), /\/proc\/store/);
    t.is(outcomeOf(error), 'refused');
  });
}

test('files that a killed process left are removed when they are old', async (t) => {
  const folder = await temporaryFolder(t);
  const left = join(folder, '.coppice', 'new');
  await mkdir(left, { recursive: true });
  for (const name of ['old', 'young']) await writeFile(join(left, name), 'x');
  await utimes(join(left, 'old'), new Date(0), new Date(0));
  await fsStore(folder).put('k', bytes('x'));
  t.deepEqual(await readdir(left), ['young']);
});

test('an ETag is new even where the clock has stepped back and the size is the same', async (t) => {
  const folder = await temporaryFolder(t);
  const store = fsStore(folder);
  const { etag } = await store.put('k', bytes('one'));
  const ahead = new Date(Date.now() + 3_600_000);
  await utimes(join(folder, 'k'), ahead, ahead);
  const before = (await store.head('k'))?.etag as string;
  const after = (await store.put('k', bytes('two'), { ifMatch: before })).etag;
  t.is(new Set([etag, before, after]).size, 3);
  t.true((await stat(join(folder, 'k'))).mtimeMs > ahead.getTime());
});

test('a put whose file is in the way of nobody leaves readers of the one before alone', async (t) => {
  const folder = await temporaryFolder(t);
  const store = fsStore(folder);
  await store.put('k', bytes('one'));
  await link(join(folder, 'k'), join(folder, 'held'));
  await store.put('k', bytes('two'));
  t.is(await readFile(join(folder, 'held'), 'utf8'), 'one');
});

test('counts made by three processes at once are exact', async (t) => {
  const folder = await temporaryFolder(t);
  const store = fsStore(folder);
  await store.put('count', bytes('0'), { ifNoneMatch: '*' });
  const writers = Array.from({ length: 3 }, () => startWriter(t, folder, 'count', 60));
  const ends = await Promise.all(writers.map(({ child }) => once(child, 'exit')));
  t.deepEqual(
    ends,
    [
      [0, null],
      [0, null],
      [0, null],
    ],
    writers.map(({ output }) => output()).join('\n'),
  );
  t.is(await body(store, 'count'), '180');
});

test('of creates by three processes at once exactly one wins each', async (t) => {
  const folder = await temporaryFolder(t);
  const writers = Array.from({ length: 3 }, () => startWriter(t, folder, 'create', 60));
  await Promise.all(writers.map(({ child }) => once(child, 'exit')));
  const won = writers.flatMap(({ lines }) => lines());
  t.is(won.length, 60, writers.map(({ output }) => output()).join('\n'));
  for (const line of won) {
    const [key, value] = line.split(' ') as [string, string];
    t.is(await body(fsStore(folder), key), value);
  }
});

test('a kill at any moment loses no put that had resolved, tears none and blocks nobody', async (t) => {
  const folder = await temporaryFolder(t);
  const store = fsStore(folder);
  await store.put('count', bytes('0'), { ifNoneMatch: '*' });
  let resolved = 0;
  let created = 0;
  for (let round = 0; round < 6; round++) {
    const writer = startWriter(t, folder, 'both', 1_000_000, String(round));
    while (writer.lines().length < 20) await setTimeout(5);
    await setTimeout(Math.random() * 60);
    writer.child.kill('SIGKILL');
    await once(writer.child, 'close');
    for (const line of writer.lines()) {
      const [key, value] = line.split(' ') as [string, string];
      if (key === 'count') resolved = Math.max(resolved, Number(value));
      else t.is(await body(store, key), value.repeat(5_000));
      created += key === 'count' ? 0 : 1;
    }
    const found = Number(await body(store, 'count'));
    t.true(found >= resolved && found <= resolved + 1, `${found} after ${resolved} was promised`);
    // Nothing waits for the dead.
    const began = performance.now();
    await store.put('count', bytes(String(found)), { ifMatch: (await store.head('count'))?.etag });
    t.true(performance.now() - began < 5_000);
  }
  for await (const { key } of store.list('d/')) t.regex((await body(store, key)) as string, /^(\d+-\d+)\1{4999}$/);
  t.log(`${resolved} replacements and ${created} creates had resolved`);
});

test('the turn of a process that was killed within it is given back', async (t) => {
  const folder = await temporaryFolder(t);
  const store = fsStore(folder);
  const { etag } = await store.put('k', bytes('one'));
  const holder = startWriter(t, folder, 'hold', 1);
  while (holder.lines().length === 0) await setTimeout(5);
  const put = store.put('k', bytes('two'), { ifMatch: etag });
  await setTimeout(50);
  t.is(await body(store, 'k'), 'one', 'it waits for its turn');
  holder.child.kill('SIGKILL');
  await put;
  t.is(await body(store, 'k'), 'two');
});
