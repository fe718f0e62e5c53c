/** Programs in C and Python over the C library: its examples, what docs/c.md shows, and one that makes every call. */

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { compiled, crate, has, library } from '../support/c-library.js';
import { temporaryFolder } from '../support/database.js';
import { run } from '../support/program.js';

const needing = (...programs: string[]) => (programs.every(has) ? test : test.skip);

const SESSIONS = `ada: a token of 3 bytes, for a while
grace: no session
again: COPPICE_CONFLICT
account/ada = 70
account/grace = 50
taken back
account/ada = 100
account/grace = 20
`;

const PYTHON = `b'zeros\\x00are bytes' None None
[(b'job/2', b'to do'), (b'job/0', b'to do')]
COPPICE_CONFLICT
b'100'
2
COPPICE_LOCKED
`;

async function place(t: ExecutionContext): Promise<string> {
  return join(await temporaryFolder(t), 'db');
}

needing('cc')('the example in C prints what it says (needs the compiler cc)', async (t) => {
  const sessions = await compiled(t, 'examples/sessions.c');
  t.deepEqual(await run(sessions, [await place(t)]), { code: 0, signal: null, output: SESSIONS });
});

needing('c++')('it is C++ as well (needs the compiler c++)', async (t) => {
  const sessions = await compiled(t, 'examples/sessions.c', ['c++', '-x', 'c++', '-std=c++11']);
  t.is((await run(sessions, [await place(t)])).output, SESSIONS);
});

needing('python3')('the example in Python prints what it says (needs python3)', async (t) => {
  const example = join(crate, 'examples', 'coppice.py');
  t.is((await run('python3', ['-B', example, await library(t), await place(t)])).output, PYTHON);
});

needing('cc')('every call does what the header says, from several threads too (needs the compiler cc)', async (t) => {
  const calls = await compiled(t, 'tests/c/calls.c');
  const folder = await temporaryFolder(t);
  t.deepEqual(await run(calls, [folder]), { code: 0, signal: null, output: '0 failures, version 0.1.0\n' });
});

needing('cc', 'valgrind')('no call leaks or touches what is not its own (needs cc and valgrind)', async (t) => {
  const calls = await compiled(t, 'tests/c/calls.c', ['cc', '-std=c11', '-g']);
  const watching = ['-q', '--leak-check=full', '--errors-for-leak-kinds=definite,indirect', '--error-exitcode=9'];
  const known = `--suppressions=${join(crate, 'tests', 'c', 'valgrind.supp')}`;
  const { code, output } = await run('valgrind', [...watching, known, calls, await temporaryFolder(t)]);
  t.is(code, 0, output);
});

/** The program of docs/c.md in a language, and what is said to be printed. */
async function shown(language: string): Promise<[program: string, printed: string]> {
  const page = await readFile(join(crate, '..', '..', 'docs', 'c.md'), 'utf8');
  const found = new RegExp(`\`\`\`${language}\n([^\`]+)\`\`\`\n\n\`\`\`\n([^\`]+)\`\`\``).exec(page);
  return [found?.[1] as string, found?.[2] as string];
}

needing('cc')('the ten lines of C in docs/c.md print what it says (needs the compiler cc)', async (t) => {
  const [program, printed] = await shown('c');
  const folder = await temporaryFolder(t);
  await mkdir(join(folder, 'data'));
  await writeFile(join(folder, 'ten.c'), program);
  const ten = await compiled(t, join(folder, 'ten.c'));
  t.is((await run(ten, [], {}, folder)).output, printed);
});

needing('python3')('the ten lines of Python in docs/c.md print what it says (needs python3)', async (t) => {
  const [program, printed] = await shown('python');
  const folder = await temporaryFolder(t);
  await mkdir(join(folder, 'data'));
  const here = program.replace("'libcoppice.so'", JSON.stringify(await library(t)));
  const environment = { PYTHONPATH: join(crate, 'examples'), PYTHONDONTWRITEBYTECODE: '1' };
  t.is((await run('python3', ['-c', here], environment, folder)).output, printed);
});
