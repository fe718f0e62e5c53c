import test from 'ava';
import { sources } from './house/sources.js';
import { temporaryFolder } from './support/database.js';
import { blocksOf, hasPrinted, runExamples, saidOf } from './support/examples.js';

/** Tests of their own run theirs. */
const OTHERS = ['docs/errors.md', 'docs/guide.md', 'docs/level.md'];

test('the programs of every page run, each in a folder of its own, and print what they say', async (t) => {
  t.timeout(120_000);
  const programs = sources('docs', '.md')
    .filter(({ path }) => !OTHERS.includes(path))
    .flatMap(({ path, text }) => blocksOf(text, 'js').map((code) => ({ path, code })))
    // Those that begin with their name take more than one file.
    .filter(({ code }) => !/^\/\/ [\w-]+\.mjs\n/.test(code));
  t.true(programs.length >= 9);
  const folder = await temporaryFolder(t);
  const ran = await runExamples(
    folder,
    programs.map(({ code }) => code),
  );
  for (const [i, { path, code }] of programs.entries()) {
    t.is(ran[i]?.error, undefined, path);
    const printed = ran[i]?.printed ?? '';
    t.true(hasPrinted(printed, saidOf(code)), `${path} has printed ${printed}`);
  }
});
