// Makes a clone ready to run: packages, addon, compiled TypeScript, each only if it is stale. Needs nothing but Node
// and Rust, so it may run before anything is installed. `npm start` and `npm test` run it first.
// Says what it did on the error stream: the output belongs to what runs after it.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const stamps = join(root, '.cache', 'ready');
const profile = process.env.COPPICE_PROFILE ?? 'release';
/** As shells have it for what Ctrl-C has ended. */
const EXIT_STOPPED = 130;

const steps = [
  {
    name: 'packages',
    inputs: ['package-lock.json'],
    outputs: ['node_modules'],
    command: ['npm', 'ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'],
  },
  {
    name: `native addon (${profile})`,
    stamp: 'native',
    // One file is left, whichever profile it was built with.
    kind: profile,
    inputs: ['crates/engine', 'crates/node', 'Cargo.toml', 'Cargo.lock', 'build.rs'],
    outputs: readdirSync(root)
      .filter((name) => name.endsWith('.node'))
      .slice(0, 1),
    command: [bin('napi'), ...napiArguments()],
  },
  {
    name: 'TypeScript',
    inputs: ['ts', 'tsconfig.json', 'tsconfig.build.json'],
    outputs: ['dist/index.js'],
    command: [bin('tsc'), '-p', 'tsconfig.build.json'],
  },
];

checkTools();
mkdirSync(stamps, { recursive: true });
for (const step of steps.filter((step) => step.inputs.every((path) => existsSync(join(root, path))))) {
  const began = Date.now();
  const stamp = join(stamps, step.stamp ?? step.name);
  const current = isCurrent(step, stamp);
  if (!current) {
    console.error(`ready: ${step.name}: being made ...`);
    await make(step);
    writeFileSync(stamp, step.kind ?? '');
  }
  const seconds = ((Date.now() - began) / 1000).toFixed(1);
  console.error(`ready: ${step.name}: ${current ? 'up to date' : 'made'} (${seconds} s)`);
}

/** Whether everything it makes is there, of the kind that is wanted, and nothing it reads has changed since. */
function isCurrent(step, stamp) {
  if (step.outputs.length === 0 || step.outputs.some((path) => !existsSync(join(root, path)))) return false;
  if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== (step.kind ?? '')) return false;
  const made = statSync(stamp).mtimeMs;
  return step.inputs.every((path) => newest(join(root, path)) <= made);
}

function newest(path) {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return 0;
  if (!found.isDirectory()) return found.mtimeMs;
  return readdirSync(path).reduce((latest, name) => Math.max(latest, newest(join(path, name))), found.mtimeMs);
}

function napiArguments() {
  const common = ['build', '--platform', '--manifest-path', 'crates/node/Cargo.toml', '--output-dir', '.'];
  return [...common, '--no-js', '--dts', '.cache/addon.d.ts', '--profile', profile];
}

function bin(name) {
  return join(root, 'node_modules', '.bin', process.platform === 'win32' ? `${name}.cmd` : name);
}

/** Runs the command of a step to its end. Ctrl-C ends both, with a word about it. */
async function make({ name, command: [command, ...parameters] }) {
  const options = { cwd: root, stdio: ['ignore', 2, 2], shell: process.platform === 'win32' };
  let child;
  let stoppedAt;
  const stop = (signal) => {
    // What npm hands on comes twice, at once; who asks again later does not want to wait.
    if (Date.now() - stoppedAt > 1_000) process.exit(EXIT_STOPPED);
    stoppedAt ??= Date.now();
    child?.kill(signal);
  };
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, stop);
  child = spawn(command, parameters, options);
  const [status, signal] = await once(child, 'close').catch((error) => fail(`cannot run ${command}: ${error.message}`));
  for (const signal of ['SIGINT', 'SIGTERM']) process.off(signal, stop);
  if (stoppedAt !== undefined) fail(`${name}: stopped; the next run goes on with this step`, EXIT_STOPPED);
  const how = signal === null ? `exit ${status}` : `killed by ${signal}`;
  if (status !== 0) fail(`${command} ${parameters.join(' ')} failed (${how})`);
}

function checkTools() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) fail(`Node >= 20.19 is needed, this is ${process.versions.node}`);
  const cargo = spawnSync('cargo', ['--version'], { encoding: 'utf8' });
  if (cargo.status !== 0) fail('Rust is needed to build the addon: install it from rustup.rs, then run this again');
  const version = /cargo (\d+)\.(\d+)/.exec(cargo.stdout);
  if (version === null || Number(version[1]) !== 1 || Number(version[2]) < 88) {
    fail(`Rust >= 1.88 is needed, this is ${cargo.stdout.trim()}: run "rustup update"`);
  }
}

function fail(message, exit = 1) {
  console.error(`ready: ${message}`);
  process.exit(exit);
}
