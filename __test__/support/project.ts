/** Projects of somebody who has installed the package, for the programs of pages that take more than one file. */

import { execFile } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { ExecutionContext } from 'ava';
import { temporaryFolder } from './database.js';
import { blocksOf } from './examples.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** A project with the compiled package, as `npm install` of a folder does it, and with these packages of the benchmarks. */
export async function project(t: ExecutionContext, packages: readonly string[] = []): Promise<string> {
  const folder = await temporaryFolder(t);
  await mkdir(join(folder, 'node_modules'));
  const installed = (name: string) => join(folder, 'node_modules', name);
  await symlink(root, installed('coppice'));
  for (const name of packages) await symlink(join(root, 'bench', 'node_modules', name), installed(name));
  return folder;
}

/** Saves the programs of a page under the names in their first lines. */
export async function saveFiles(t: ExecutionContext, page: string, folder: string): Promise<Map<string, string>> {
  const programs = new Map<string, string>();
  for (const code of blocksOf(page, 'js')) {
    const [, name] = /^\/\/ ([\w-]+\.mjs)\n/.exec(code) ?? [];
    if (name === undefined) continue;
    t.false(programs.has(name), name);
    programs.set(name, code);
    await writeFile(join(folder, name), code);
  }
  return programs;
}

/** Runs a program of a project; answers what it has printed. */
export async function runIn(cwd: string, parameters: readonly string[], environment = {}): Promise<string> {
  const env = { ...process.env, ...environment };
  return (await promisify(execFile)(process.execPath, parameters, { cwd, env })).stdout;
}
