import { readFile } from 'node:fs/promises';
import test from 'ava';
import { temporaryFolder } from '../support/database.js';
import { blocksOf, hasPrinted, runExamples, saidOf } from '../support/examples.js';

test('the example of the page about transactions prints what it says', async (t) => {
  const page = await readFile(new URL('../../docs/transactions.md', import.meta.url), 'utf8');
  const examples = blocksOf(page, 'js');
  t.is(examples.length, 1);
  const [printed = ''] = await runExamples(await temporaryFolder(t), examples);
  t.true(hasPrinted(printed, saidOf(examples[0] as string)), printed);
});
