import { readFile } from 'node:fs/promises';
import test from 'ava';
import { temporaryFolder } from '../support/database.js';
import { blocksOf, hasPrinted, runExamples, saidOf } from '../support/examples.js';
import { checkTests, rowsOf } from '../support/rows.js';

test('every row of K4 is in the page once, and every test that it names is there', (t) => {
  const rows = rowsOf('k4.md');
  const upTo = (kind: string, count: number) => Array.from({ length: count }, (_, n) => `${kind}${n + 1}`);
  t.deepEqual(rows.map(({ name }) => name).sort(), [...upTo('D', 90), ...upTo('F', 26)].sort());
  // What is not here, or cannot be.
  const without = rows.filter(({ shown }) => !shown.includes('`')).map(({ name }) => name);
  t.deepEqual(without.sort(), ['D61', 'F26']);
  checkTests(t, 'k4', rows);
});

test('the program of the page about K4 prints what it says', async (t) => {
  const page = await readFile(new URL('../../docs/k4.md', import.meta.url), 'utf8');
  const programs = blocksOf(page, 'js');
  t.is(programs.length, 1);
  const [ran] = await runExamples(await temporaryFolder(t), programs);
  t.is(ran?.error, undefined);
  t.true(hasPrinted(ran?.printed ?? '', saidOf(programs[0] as string)), ran?.printed);
});
