import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';

/** Of the API, of values, namespaces and iterators. Those of compression are about Keyv alone. */
const TESTS = 22 + 13 + 3 + 4;

test('the suite that Keyv publishes passes whole, over a folder and over an open database', async (t) => {
  t.timeout(120_000);
  const vitest = fileURLToPath(new URL('vitest.mjs', import.meta.resolve('vitest/package.json')));
  const config = fileURLToPath(new URL('vitest.config.ts', import.meta.url));
  const run = promisify(execFile)(process.execPath, [vitest, 'run', '--config', config, '--reporter=json'], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    maxBuffer: 64 << 20,
  });
  const { stdout } = await run.catch((failed) => failed);
  const { numTotalTests, numPassedTests, testResults } = JSON.parse(stdout);
  t.is(numPassedTests, numTotalTests, JSON.stringify(testResults, undefined, 1));
  t.is(numTotalTests, 2 * TESTS);
  t.log(`${numTotalTests} tests`);
});
