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
  const folder = await temporaryFolder(t);
  const ran = await runExamples(
    folder,
    ours.map(({ code }) => code),
  );
  t.is(ran.length, ours.length);
  for (const [i, { path, code }] of ours.entries()) {
    t.is(ran[i]?.error, undefined, path);
    const printed = ran[i]?.printed ?? '';
    t.true(hasPrinted(printed, saidOf(code)), `${path} has printed ${printed}, and this is its program:\n${code}`);
  }
});
