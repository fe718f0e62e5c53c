// Every test: the engine's and the boundary's in Rust, the rest through ava. Arguments go to ava. Prints what both
// counted, added up, alone on the last line, and fails if either failed or nothing ran. What could not be run counts as
// skipped.

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { getNodes } from './nodes.mjs';
import { getServer } from './s3-server.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const only = process.argv.slice(2);
const total = { passed: 0, failed: 0, skipped: 0 };

if (only.length === 0) {
  await count('cargo', ['test', '--workspace', '--all-features', '--no-fail-fast'], countCargo);
}
// They are there for the tests of stores in S3 and of the packages, which are skipped without them.
getServer();
getNodes();
await count(process.execPath, [join(root, 'node_modules/ava/entrypoints/cli.mjs'), '--tap', ...only], countTap);

if (total.passed + total.failed === 0) {
  console.error('test: nothing ran');
  total.failed = 1;
}
const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : '';
console.log(`${total.passed} passed, ${total.failed} failed${skipped}`);
process.exit(total.failed > 0 ? 1 : 0);

/** Runs a test runner, shows what it prints, and counts; a runner that fails without a failed test counts as one. */
async function count(command, parameters, read) {
  const child = spawn(command, parameters, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (text) => {
    output += text;
    process.stdout.write(text);
  });
  const code = await new Promise((resolve) => {
    child.on('error', () => resolve(-1));
    child.on('close', resolve);
  });
  const found = read(output);
  if (code !== 0 && found.failed === 0) found.failed = 1;
  for (const key of Object.keys(total)) total[key] += found[key];
}

function countCargo(output) {
  const found = { passed: 0, failed: 0, skipped: 0 };
  for (const [, passed, failed, ignored] of output.matchAll(/(\d+) passed; (\d+) failed; (\d+) ignored/g)) {
    found.passed += Number(passed);
    found.failed += Number(failed);
    found.skipped += Number(ignored);
  }
  return found;
}

function countTap(output) {
  const found = { passed: 0, failed: 0, skipped: 0 };
  for (const [, not, directive] of output.matchAll(/^(not )?ok \d+[^#\n]*(# (?:SKIP|TODO))?/gm)) {
    if (directive !== undefined) found.skipped += 1;
    else if (not !== undefined) found.failed += 1;
    else found.passed += 1;
  }
  return found;
}
