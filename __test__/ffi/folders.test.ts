/** A folder that the C library has written is a database as any other, and the other way round. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { fsStore, open } from '../../ts/index.js';
import { compiled, has } from '../support/c-library.js';
import { coppice } from '../support/command.js';
import { temporaryFolder } from '../support/database.js';
import { refuses } from '../support/errors.js';
import { run } from '../support/program.js';

const withCompiler = has('cc') ? test : test.skip;

/** Answers what runs a step of the C program on a folder, which prints what it came to. */
async function peer(t: ExecutionContext) {
  const program = await compiled(t, 'tests/c/peer.c');
  const folder = join(await temporaryFolder(t), 'db');
  return { folder, program, step: async (...step: string[]) => (await run(program, [folder, ...step])).output };
}

withCompiler('what C has put JavaScript and the command line read (needs the compiler cc)', async (t) => {
  const { folder, step } = await peer(t);
  t.is(await step('put', 'grüße', 'from C'), '');
  const db = await open(folder);
  t.is(await db.get('grüße'), 'from C');
  await db.close();
  t.is((await coppice(['get', folder, 'grüße'])).out.trim(), 'from C');
  t.is((await coppice(['verify', folder])).code, 0);
});

withCompiler('what JavaScript and the command line have put C reads (needs the compiler cc)', async (t) => {
  const { folder, step } = await peer(t);
  const db = await open(folder, { history: true });
  await db.put('grüße', 'x'.repeat(5_000), { ttl: '1h' });
  await db.sublevel('users').put('ada', 'Ada');
  await db.put('gone', '');
  await db.del('gone');
  await db.flush();
  await db.put('late', 'äöü');
  await db.close();
  t.is((await coppice(['put', folder, 'told', 'by the command line'])).code, 0);
  t.is(await step('get', 'grüße'), 'x'.repeat(5_000));
  t.is(await step('get', '!users!ada'), 'Ada');
  t.is(await step('get', 'gone'), 'none');
  t.is(await step('get', 'late'), 'äöü');
  t.is(await step('get', 'told'), 'by the command line');
  t.is(await step('get', 'late', 'history', 'true', 'readOnly', 'true'), 'äöü');
  t.regex(await step('get', 'late', 'history', 'false'), /^COPPICE_INVALID: /);
});

withCompiler('an encrypted folder opens with its key on both sides (needs the compiler cc)', async (t) => {
  const { folder, step } = await peer(t);
  const key = '0123456789abcdef'.repeat(4);
  t.is(await step('put', 'a', 'secret', 'encryption.key', key), '');
  await refuses(t, 'COPPICE_ENCRYPTED', () => open(folder));
  const db = await open(folder, { encryption: { key } });
  t.is(await db.get('a'), 'secret');
  await db.put('b', 'too');
  await db.close();
  t.is(await step('get', 'b', 'encryption.key', key), 'too');
  t.regex(await step('get', 'b', 'encryption.key', '00'.repeat(32)), /^COPPICE_WRONG_ENCRYPTION_KEY: /);
});

withCompiler('one process at a time has a folder, whichever language it is in (needs the compiler cc)', async (t) => {
  const { folder, program, step } = await peer(t);
  const db = await open(folder);
  t.regex(await step('get', 'a'), /^COPPICE_LOCKED: /);
  await db.close();
  const holder = spawn(program, [folder, 'hold'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [said] = await once(holder.stdout, 'data');
  t.is(String(said), 'held\n');
  await refuses(t, 'COPPICE_LOCKED', () => open(folder));
  holder.stdin.end();
  t.deepEqual(await once(holder, 'close'), [0, null]);
  await (await open(folder)).close();
});

withCompiler('the disk of a branch is not written behind the back of its store (needs the compiler cc)', async (t) => {
  const { folder, step } = await peer(t);
  const db = await open(folder, { store: fsStore(join(await temporaryFolder(t), 'store')) });
  await db.put('a', '1');
  await db.close();
  t.regex(await step('put', 'b', '2'), /^COPPICE_INVALID: .*is the disk of a branch in a store/);
  t.is(await step('get', 'a', 'readOnly', 'true'), '1');
});
