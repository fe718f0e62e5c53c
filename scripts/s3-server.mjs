// Gets a real S3 server for the tests, once, into .cache/s3: versitygw where there is Go, else moto where there is
// Python. Writes down what it has in .cache/s3/server.json, which tests and benchmarks read; where neither can be had it
// says so, and what needs a server is skipped. Safe to call again and again.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const VERSITYGW = '1.8.0';
const MOTO = '5.2.5';
/** A registry that cannot be reached may leave its client waiting for ever. */
const CALL_MS_MAX = 900_000;

const folder = fileURLToPath(new URL('../.cache/s3', import.meta.url));
const record = join(folder, 'server.json');

/** What was got, or why nothing could be. */
export function getServer() {
  const kept = keptServer();
  if (kept !== undefined) return kept;
  mkdirSync(folder, { recursive: true });
  rmSync(record, { force: true });
  const reasons = [];
  for (const get of [versitygw, moto]) {
    const began = Date.now();
    const { reason, ...server } = get();
    if (reason === undefined) {
      writeFileSync(record, JSON.stringify(server));
      console.error(`s3-server: ${server.kind} ${server.version} made (${((Date.now() - began) / 1000).toFixed(0)} s)`);
      return server;
    }
    reasons.push(reason);
  }
  console.error(`s3-server: no S3 server, so tests that need one are skipped: ${reasons.join('; ')}`);
  return { reason: reasons.join('; ') };
}

function keptServer() {
  try {
    const server = JSON.parse(readFileSync(record, 'utf8'));
    const current = { versitygw: VERSITYGW, moto: MOTO }[server.kind] === server.version;
    return current && existsSync(server.program) ? server : undefined;
  } catch {
    return undefined;
  }
}

function versitygw() {
  if (call('go', ['version']) !== undefined) return { reason: 'Go is not installed' };
  const module = `github.com/versity/versitygw/cmd/versitygw@v${VERSITYGW}`;
  const env = { ...process.env, GOBIN: folder, GOFLAGS: '-mod=mod', GOTOOLCHAIN: 'local', CGO_ENABLED: '0' };
  const failed = call('go', ['install', '-trimpath', '-ldflags=-s -w', module], env);
  if (failed !== undefined) return { reason: `go install ${module}: ${failed}` };
  const program = join(folder, process.platform === 'win32' ? 'versitygw.exe' : 'versitygw');
  return { kind: 'versitygw', version: VERSITYGW, program };
}

function moto() {
  const environment = join(folder, `moto-${MOTO}`);
  const python = join(environment, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');
  const failed =
    call('python3', ['-m', 'venv', environment]) ??
    call(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', `moto[s3,server]==${MOTO}`]);
  if (failed !== undefined) return { reason: `moto by pip: ${failed}` };
  return { kind: 'moto', version: MOTO, program: python };
}

/** Why a command failed, in one line; nothing if it did not. */
function call(command, parameters, env = process.env) {
  const { status, error, stderr } = spawnSync(command, parameters, {
    env,
    timeout: CALL_MS_MAX,
    encoding: 'utf8',
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  if (error !== undefined) return error.message;
  return status === 0 ? undefined : (stderr.trim().split('\n').at(-1) ?? `exit ${status}`);
}
