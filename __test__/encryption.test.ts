/** Encrypted databases through the public API and the command line: nothing of keys and values is in any file. */

import { randomBytes } from 'node:crypto';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { type EncryptionOptions, open, salvage } from '../ts/index.js';
import { coppice } from './support/command.js';
import { temporaryFolder } from './support/database.js';
import { refuses } from './support/errors.js';
import { MARK, showing } from './support/marks.js';

const key = () => randomBytes(32);

/** Goes every way on which bytes get into files below `folder`, and gives up the ones that show the mark, a kind each. */
async function everyWay(
  folder: string,
  encryption: EncryptionOptions | undefined,
  history: boolean,
): Promise<string[]> {
  const path = join(folder, 'db');
  const options = {
    history,
    compression: 'none',
    memoryBytes: 16 << 20,
    ...(encryption && { encryption }),
  } as const;
  const kinds = new Set<string>();
  const look = async () => {
    for (const file of await showing(folder)) kinds.add(file.replace(/^.*[./]/, ''));
  };
  for (let round = 0; round < 2; round++) {
    await using db = await open(path, options);
    for (let n = 0; n < 500; n++) db.put(`${MARK}${n % 300}`, MARK.repeat(n % 20 === 0 ? 500 : 3));
    await db.put(`${MARK} large`, MARK.repeat(200_000));
    await db.del(`${MARK}7`);
    await db.delRange({ gte: `${MARK}10`, lt: `${MARK}12` });
    await look();
    await db.compact();
    await db.put(`${MARK} in the log`, MARK);
    await db.checkpoint({ to: join(folder, `checkpoint ${round}`) });
    await db.backup({ to: join(folder, 'backup') });
    await look();
  }
  await salvage(path, join(folder, 'salvaged'), encryption && { encryption });
  await look();
  return [...kinds].sort();
}

test('no byte of a key or value is in any file of an encrypted database', async (t) => {
  for (const history of [false, true]) {
    t.deepEqual(await everyWay(await temporaryFolder(t), { key: key() }, history), []);
  }
  // Without a key each kind shows it, so that looking finds what is there.
  t.deepEqual(await everyWay(await temporaryFolder(t), undefined, false), ['blob', 'log', 'manifest', 'table']);
});

test('a key comes as bytes, digits, base64, from a function or from a file', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'db');
  const bytes = key();
  const [raw, text] = [join(folder, 'raw.key'), join(folder, 'text.key')];
  await writeFile(raw, bytes);
  await writeFile(text, `${bytes.toString('hex')}\n`);
  const same: EncryptionOptions[] = [
    { key: bytes },
    { key: new Uint8Array(bytes) },
    { key: bytes.toString('hex') },
    { key: bytes.toString('base64') },
    { key: () => bytes },
    { key: async () => bytes.toString('base64') },
    { keyFile: raw },
    { keyFile: text },
  ];
  for (const [n, encryption] of same.entries()) {
    await using db = await open(path, { encryption });
    await db.put('n', String(n));
  }
  const env = { COPPICE_ENCRYPTION_KEY: bytes.toString('hex') };
  t.deepEqual(await withEnvironment(env, () => coppice(['get', path, 'n'])), { code: 0, out: '7\n', err: '' });
  const shown = await withEnvironment(env, () => coppice(['stats', path]));
  t.regex(shown.out, /encrypted with +[0-9a-f]{32}/);
  t.regex((await coppice(['get', path, 'n'])).err, /COPPICE_ENCRYPTED/);
});

test('a wrong option is refused by its name, and no key is ever told', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  const secret = randomBytes(31).toString('hex');
  const wrong: [unknown, string][] = [
    [{ key: secret }, 'encryption.key'],
    [{ key: () => secret }, 'encryption.key'],
    [{ key: Buffer.from(secret, 'hex') }, 'encryption.key'],
    [{ key: 7 }, 'encryption.key'],
    [{ key: key(), previous: [key(), secret] }, 'encryption.previous[1]'],
    [{ key: key(), previous: secret }, 'encryption.previous'],
    [{}, 'encryption'],
    [{ key: key(), keyFile: 'both' }, 'encryption'],
    [{ keyFile: join(path, 'absent') }, 'encryption.keyFile'],
  ];
  for (const [encryption, option] of wrong) {
    const error = await refuses(t, 'COPPICE_INVALID', () => open(path, { encryption } as never));
    t.is(error.details?.option, option);
    t.false(inspect(error, { depth: 9 }).includes(secret), error.message);
  }
  await refuses(t, 'COPPICE_INVALID', () => open(path, { encryption: 'secret' } as never), /an object/);
});

test('without its key a database is refused with a code, and so is a plain one with a key', async (t) => {
  const folder = await temporaryFolder(t);
  const [path, plain] = [join(folder, 'encrypted'), join(folder, 'plain')];
  const [right, wrong] = [key(), key()];
  await (await open(path, { encryption: { key: right } })).close();
  await (await open(plain)).close();
  const before = await readdir(path);
  await refuses(t, 'COPPICE_ENCRYPTED', () => open(path), /[0-9a-f]{32}/);
  const error = await refuses(t, 'COPPICE_WRONG_ENCRYPTION_KEY', () => open(path, { encryption: { key: wrong } }));
  for (const secret of [right, wrong]) t.false(inspect(error, { depth: 9 }).includes(secret.toString('hex')));
  await refuses(t, 'COPPICE_ENCRYPTED', () => salvage(path, join(folder, 'to')));
  await refuses(t, 'COPPICE_INVALID', () => open(plain, { encryption: { key: right } }), /not encrypted/);
  t.deepEqual(await readdir(path), before, 'nothing was changed');

  await using db = await open(path, { encryption: { key: right } });
  await refuses(t, 'COPPICE_ENCRYPTED', () => open(path));
  const turned = { encryption: { key: wrong, previous: [right] } };
  await refuses(t, 'COPPICE_INVALID', () => open(path, turned), /encryption.key differs/);
  await using shared = await open(path, { encryption: { key: right } });
  await shared.put('key', 'value');
  t.is(await db.get('key'), 'value');
});

test('a key is changed by an open with the new one, and the old one is needed until a compaction', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  const [first, second] = [key(), key()];
  const ids = async (encryption: EncryptionOptions, compacts = false) => {
    await using db = await open(path, { encryption });
    if (compacts) await db.compact();
    await fill(t, db);
    return db.stats().encryption?.keys.map(({ id }) => id);
  };
  const [one] = (await ids({ key: first })) ?? [];
  const turning = await ids({ key: second, previous: [first] });
  t.deepEqual([turning?.length, turning?.[1]], [2, one]);
  await refuses(t, 'COPPICE_WRONG_ENCRYPTION_KEY', () => open(path, { encryption: { key: second } }));
  const turned = await ids({ key: second, previous: [first] }, true);
  t.deepEqual(turned, [turning?.[0]]);
  await using db = await open(path, { encryption: { key: second } });
  t.is(await db.get('b'), MARK.repeat(1_000));
});

async function fill(t: ExecutionContext, db: Awaited<ReturnType<typeof open>>): Promise<void> {
  await db.put('a', MARK);
  await db.put('b', MARK.repeat(1_000));
  await db.flush();
  t.is(await db.get('a'), MARK);
}

/** One test of this file at a time sets it. */
async function withEnvironment<T>(variables: Readonly<Record<string, string>>, act: () => Promise<T>): Promise<T> {
  Object.assign(process.env, variables);
  try {
    return await act();
  } finally {
    for (const name of Object.keys(variables)) delete process.env[name];
  }
}
