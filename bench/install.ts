/**
 * Installs the peers into `bench/node_modules`, once for each lock file: users of the project never download them.
 *
 * @module
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('.', import.meta.url));
const STAMP = join(FOLDER, 'node_modules', '.installed');

export function installPeers(): void {
  const lock = readFileSync(join(FOLDER, 'package-lock.json'), 'utf8');
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === lock) return;
  console.log('installing the engines to compare with ...');
  npm(['ci', '--ignore-scripts', '--no-audit', '--no-fund']);
  // better-sqlite3 ships no binary: it is compiled here, against the headers beside this Node where there are any.
  const headers = dirname(dirname(process.execPath));
  const local = existsSync(join(headers, 'include/node/node_api.h')) ? [`--nodedir=${headers}`] : [];
  console.log('compiling better-sqlite3, which takes a minute or two ...');
  if (!npm(['rebuild', 'better-sqlite3', '--build-from-source', ...local])) {
    console.log('better-sqlite3 could not be compiled and is left out');
  }
  writeFileSync(STAMP, lock);
}

function npm(words: string[]): boolean {
  return spawnSync('npm', words, { cwd: FOLDER, stdio: ['ignore', 'ignore', 'ignore'] }).status === 0;
}
