import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import test from 'ava';
import { open } from '../ts/index.js';
import { temporaryFolder } from './support/database.js';
import { refuses } from './support/errors.js';

test('a database is created where there is none, with its parent folders', async (t) => {
  const path = join(await temporaryFolder(t), 'deep', 'er');
  await using db = await open(path);
  t.is(db.path, path);
  t.is(db.status, 'open');
  t.is(db.revision, 1);
});

test('a relative path is taken from the working directory', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  await using db = await open(relative(process.cwd(), path));
  t.is(db.path, path);
});

test('what is no path is refused', async (t) => {
  for (const path of [undefined, null, '', 5, {}, 'a\0b', Buffer.from('x')] as never[]) {
    await refuses(t, 'COPPICE_INVALID', () => open(path), /^path must be the name of a folder/);
  }
});

test('a database that is absent is not created against the options', async (t) => {
  const path = join(await temporaryFolder(t), 'absent');
  await refuses(t, 'COPPICE_NOT_FOUND', () => open(path, { createIfMissing: false }));
  await refuses(t, 'COPPICE_NOT_FOUND', () => open(path, { readOnly: true }));
});

test('a database that exists is refused if the options say so', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  await (await open(path)).close();
  await refuses(t, 'COPPICE_EXISTS', () => open(path, { errorIfExists: true }));
});

test('a path that is a file is refused', async (t) => {
  const path = join(await temporaryFolder(t), 'file');
  await writeFile(path, 'not a folder');
  await refuses(t, 'COPPICE_INVALID', () => open(path), /this is a file/);
});

test('a folder that holds something else is refused, and its files are left alone', async (t) => {
  const path = join(await temporaryFolder(t), 'other');
  await mkdir(path);
  await writeFile(join(path, 'CURRENT'), 'MANIFEST-000001\n');
  await refuses(t, 'COPPICE_FORMAT', () => open(path), /CURRENT/);
  t.is(await readFile(join(path, 'CURRENT'), 'utf8'), 'MANIFEST-000001\n');
});

test('no database is made among the files of somebody else', async (t) => {
  const path = join(await temporaryFolder(t), 'other');
  await mkdir(path);
  await writeFile(join(path, 'letter.txt'), 'dear');
  await refuses(t, 'COPPICE_FORMAT', () => open(path), /letter\.txt/);
  await refuses(t, 'COPPICE_NOT_FOUND', () => open(path, { createIfMissing: false }));
  t.deepEqual(await readdir(path), ['letter.txt']);
  // What systems put into folders is nobody's.
  const mounted = join(await temporaryFolder(t), 'mounted');
  await mkdir(join(mounted, 'lost+found'), { recursive: true });
  await writeFile(join(mounted, '.hidden'), '');
  await (await open(mounted)).close();
});

test('a read-only database reads and refuses every write', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  const writer = await open(path);
  await writer.put('a', '1');
  await writer.close();
  await using db = await open(path, { readOnly: true });
  t.is(await db.get('a'), '1');
  t.deepEqual(await db.keys().toArray(), ['a']);
  await refuses(t, 'COPPICE_READONLY', () => db.put('a', '2'));
  await refuses(t, 'COPPICE_READONLY', () => db.del('a'));
  await refuses(t, 'COPPICE_READONLY', () => db.batch([{ type: 'del', key: 'a' }]));
  await refuses(t, 'COPPICE_READONLY', () => db.batch().put('a', '2').write());
});

test('opening is given up when its signal says so, and the folder is free again', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  const reason = new Error('enough');
  const error = await refuses(t, 'COPPICE_ABORTED', () => open(path, { signal: AbortSignal.abort(reason) }));
  t.is(error.cause, reason);
  const controller = new AbortController();
  const opening = open(path, { signal: controller.signal });
  controller.abort();
  await refuses(t, 'COPPICE_ABORTED', () => opening);
  await using db = await open(path);
  await db.put('a', '1');
});

test('two handles of one process see the same data', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  await using one = await open(path);
  await using other = await open(path, { valueEncoding: 'buffer' });
  await one.put('a', '1');
  t.deepEqual(await other.get('a'), Buffer.from('1'));
  await other.close();
  t.is(await one.get('a'), '1');
});

test('the types of keys and values follow from the encodings, or are named', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  const plain = await open(path);
  const text: string | undefined = await plain.get('a');
  t.is(text, undefined);
  await plain.close();
  const tuples = await open(path, { keyEncoding: 'tuple', valueEncoding: 'buffer' });
  const bytes: Buffer | undefined = await tuples.get(['a', 1]);
  t.is(bytes, undefined);
  await tuples.close();
  const named = await open<string, { born: number }>(path, { valueEncoding: 'json' });
  await named.put('ada', { born: 1815 });
  t.is((await named.get('ada'))?.born, 1815);
  await named.close();
  const upper = { name: 'upper', encode: (v: string) => Buffer.from(v), decode: (b: Uint8Array) => `${b.length}` };
  const custom = await open(path, { valueEncoding: upper });
  const decoded: string | undefined = await custom.get('ada');
  t.is(decoded, '13');
  await custom.close();
});
