import test from 'ava';
import { sources } from './house/sources.js';
import { temporaryFolder } from './support/database.js';
import { examplesOf, hasPrinted, runExamples, saidOf } from './support/examples.js';

test('the examples of the manual run, each in a folder of its own, and print what they say', async (t) => {
  t.timeout(120_000);
  const examples = sources('ts', '.ts').flatMap(({ path, text }) => examplesOf(text).map((code) => ({ path, code })));
  // Their bucket is nobody's.
  const ours = examples.filter(({ code }) => !/s3:\/\/|\bs3\(/.test(code));
  t.true(ours.length >= 50, `${ours.length} of ${examples.length} examples`);
  const printed = await runExamples(
    await temporaryFolder(t),
    ours.map(({ code }) => code),
  );
  t.is(printed.length, ours.length);
  for (const [i, { path, code }] of ours.entries()) {
    t.true(
      hasPrinted(printed[i] as string, saidOf(code)),
      `${path} has printed ${printed[i]}, and this is its program:\n${code}`,
    );
  }
});
