/** The C library as `cargo test` has built it, and programs that use it. */

import { execFile, spawnSync } from 'node:child_process';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { ExecutionContext } from 'ava';
import { temporaryFolder } from './database.js';
import { run } from './program.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
export const crate = join(root, 'crates', 'ffi');

export const has = (program: string): boolean => spawnSync(program, ['--version']).status === 0;

let built: Promise<string> | undefined;

/** The path of the shared library. What `scripts/test.mjs` has just built is not built again: its command is this one. */
export function library(t: ExecutionContext): Promise<string> {
  t.timeout(600_000, 'the C library is being built');
  built ??= build();
  return built;
}

async function build(): Promise<string> {
  const only = ['--no-run', '--test', 'header', '--message-format=json'];
  const options = { cwd: root, maxBuffer: 64 << 20 };
  const { stdout } = await promisify(execFile)(
    'cargo',
    ['test', '--workspace', '--all-features', '--quiet', ...only],
    options,
  );
  const artifacts = stdout.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line)] : []));
  const found = artifacts.find(({ target }) => target?.name === 'coppice' && target.kind.includes('cdylib'));
  return found.filenames.find((name: string) => /\.(so|dylib)$/.test(name));
}

/** Compiles a program, named from `crates/ffi`, and answers its path. */
export async function compiled(
  t: ExecutionContext,
  source: string,
  compiler: readonly string[] = ['cc', '-std=c11'],
): Promise<string> {
  const folder = dirname(await library(t));
  const program = join(await temporaryFolder(t), 'program');
  const [command, ...flags] = compiler as [string, ...string[]];
  const strict = ['-Wall', '-Wextra', '-Werror', '-pedantic', `-I${resolve(crate, 'include')}`];
  const linked = ['-x', 'none', `-L${folder}`, '-lcoppice', `-Wl,-rpath,${folder}`, '-pthread'];
  const made = await run(command, [...flags, ...strict, resolve(crate, source), ...linked, '-o', program]);
  t.is(made.code, 0, made.output);
  return program;
}
