import test from 'ava';
import { sources } from './house/sources.js';
import { temporaryFolder } from './support/database.js';
import { blocksOf, hasPrinted, runExamples, saidOf } from './support/examples.js';

for (const page of ['coming-from-lmdb.md', 'keyv.md', 'transactions.md', 'tuning.md', 'unstorage.md']) {
  test(`the programs of ${page} run, each in a folder of its own, and print what they say`, async (t) => {
    // Those that begin with their name take more than one file: other tests run them.
    const programs = blocksOf(sources('docs', page)[0]?.text ?? '', 'js').filter((code) => !code.startsWith('// '));
    const ran = await runExamples(await temporaryFolder(t), programs);
    t.true(ran.length > 0);
    for (const [i, { printed, error }] of ran.entries()) {
      t.is(error, undefined);
      t.true(hasPrinted(printed, saidOf(programs[i] as string)), printed);
    }
  });
}
