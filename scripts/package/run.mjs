// Other programs, run to their end; what fails ends this program with its words.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));
const windows = process.platform === 'win32';

/** What the program printed; what it says on the error stream is shown as it comes. */
export function run(program, parameters, { env = {}, cwd = root } = {}) {
  const options = { cwd, env: { ...process.env, ...env }, encoding: 'utf8', shell: windows, maxBuffer: 1 << 28 };
  const { status, error, stdout } = spawnSync(program, parameters, {
    ...options,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (error !== undefined) fail(`cannot run ${program}: ${error.message}`);
  if (status !== 0) fail(`${program} ${parameters.join(' ')} failed (exit ${status})`);
  return stdout;
}

/** A command of a package of this clone. */
export function bin(name) {
  return join(root, 'node_modules', '.bin', windows ? `${name}.cmd` : name);
}

export function say(words) {
  console.error(`package: ${words}`);
}

export function fail(words) {
  say(words);
  process.exit(1);
}
