// Gets other versions of Node for the tests, once, into .cache/nodes: the oldest that is supported and the newest that
// npm has. Writes down what it has in .cache/nodes/nodes.json; where one cannot be had it says so, and what needs it is
// skipped. Remove the folder to look for a newer one.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const WANTED = { oldest: '20.19.0', newest: 'latest' };
const CALL_MS_MAX = 300_000;

const folder = fileURLToPath(new URL('../.cache/nodes', import.meta.url));
const record = join(folder, 'nodes.json');
const windows = process.platform === 'win32';

/** Writes them down by name, each as `{ version, program }` or `{ reason }`. */
export function getNodes() {
  if (haveNodes()) return;
  const nodes = Object.fromEntries(Object.entries(WANTED).map(([name, version]) => [name, getNode(name, version)]));
  writeFileSync(record, JSON.stringify(nodes));
}

function haveNodes() {
  try {
    const nodes = JSON.parse(readFileSync(record, 'utf8'));
    return (
      Object.keys(WANTED).every((name) => existsSync(nodes[name].program)) && nodes.oldest.version === WANTED.oldest
    );
  } catch {
    return false;
  }
}

function getNode(name, version) {
  const began = Date.now();
  const { platform, arch } = process;
  const system = { win32: 'win', darwin: arch === 'arm64' ? 'bin-darwin' : 'darwin' }[platform] ?? platform;
  const packageName = `node-${system}-${arch}`;
  const to = join(folder, name);
  mkdirSync(to, { recursive: true });
  writeFileSync(join(to, 'package.json'), '{}');
  const parameters = [
    'install',
    `${packageName}@${version}`,
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--silent',
  ];
  const program = join(to, 'node_modules', packageName, 'bin', windows ? 'node.exe' : 'node');
  const installed = call('npm', parameters, to, windows);
  const { output: found, reason } = installed.reason ? installed : call(program, ['-p', 'process.versions.node'], to);
  if (reason !== undefined) {
    console.error(`nodes: ${name}: ${reason}; what needs it is skipped`);
    return { reason };
  }
  console.error(`nodes: ${name}: ${found} got (${((Date.now() - began) / 1000).toFixed(0)} s)`);
  return { version: found, program };
}

/** What a command printed as `output`, or the `reason` why it did not. */
function call(program, parameters, cwd, shell = false) {
  const options = { cwd, shell, timeout: CALL_MS_MAX, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] };
  const { status, error, stdout } = spawnSync(program, parameters, options);
  if (status === 0) return { output: stdout.trim() };
  return { reason: `${program} ${parameters.slice(0, 2).join(' ')}: ${error?.message ?? `exit ${status}`}` };
}
