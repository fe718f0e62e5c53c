/**
 * `npm run bench:large`: ten million keys under a small budget of memory, beside LevelDB and RocksDB. On Linux only, which
 * tells the memory of a process and can be told to forget files. Takes about 20 minutes and 6 GB of disk.
 *
 *     npm run bench:large                                      then writes docs/large.md
 *     npm run bench:large -- --keys 1000000 --engines coppice  printed only
 *
 * @module
 */
import { fork } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { installPeers } from '../install.js';
import type { Result, Task } from './child.js';

const { values: flags } = parseArgs({
  options: {
    keys: { type: 'string', default: '10000000' },
    memory: { type: 'string', default: '128' },
    engines: { type: 'string', default: 'coppice,classic-level,rocksdb' },
  },
});
const root = fileURLToPath(new URL('../..', import.meta.url));
const work = join(root, '.cache', 'bench', 'large');
const child = fileURLToPath(new URL('./child.ts', import.meta.url));
const names = flags.engines.split(',');
const keys = Number(flags.keys);
const memoryBytes = Number(flags.memory) * 2 ** 20;

const thousands = (figure: number) => (figure >= 1000 ? `${(figure / 1000).toFixed(0)}k` : figure.toFixed(0));
const microseconds = ({ p50, p99, p999 }: Result['putLatency']) => [p50, p99, p999].map(thousands).join(' / ');
const ROWS: [title: string, show: (result: Result) => string][] = [
  ['fill at random, 1000 a batch, rows/s', ({ fill }) => thousands(fill)],
  ['put, 64 in flight, ops/s', ({ put }) => thousands(put)],
  ['put: p50 / p99 / p99.9, microseconds', ({ putLatency }) => microseconds(putLatency)],
  ['put: longest, ms', ({ putMsMax }) => putMsMax.toFixed(1)],
  ['put: longest time in the call itself, ms', ({ callMsMax }) => callMsMax.toFixed(1)],
  ['get from cold files, 64 in flight, ops/s', ({ get }) => thousands(get)],
  ['get: p50 / p99 / p99.9, microseconds', ({ getLatency }) => microseconds(getLatency)],
  ['scan, rows/s', ({ scan }) => thousands(scan)],
  ['disk, MB', ({ diskMB }) => diskMB.toFixed(0)],
  ['memory above the start, MiB', ({ memory }) => memory.toFixed(0)],
];

installPeers();
const results: Result[] = [];
for (const engine of names) {
  const folder = join(work, engine.replaceAll('/', '-'));
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  console.log(`${engine} ...`);
  results.push(await ask({ engine, folder, keys, memoryBytes }));
  rmSync(folder, { recursive: true, force: true });
}
const lines = [
  `|  | ${names.join(' | ')} |`,
  `|---|${names.map(() => '---:').join('|')}|`,
  ...ROWS.map(([title, show]) => `| ${title} | ${results.map(show).join(' | ')} |`),
];
console.log(lines.join('\n'));
if (keys === 10_000_000) {
  writeFileSync(join(root, 'docs/large.md'), page(lines));
  console.log('written: docs/large.md');
}

function ask(task: Task): Promise<Result> {
  return new Promise((resolve, reject) => {
    const running = fork(child, { execArgv: ['--import', 'tsx', '--expose-gc'] });
    running.on('message', (answer: Result | { error: string }) => {
      if ('error' in answer) reject(new Error(`${task.engine}: ${answer.error}`));
      else resolve(answer);
    });
    running.on('exit', (code) => reject(new Error(`${task.engine} ended with ${code}`)));
    running.send(task);
  });
}

function page(table: string[]): string {
  return `# Ten million keys under a budget of ${flags.memory} MiB

Written by \`npm run bench:large\`. Keys of 16 bytes, values of 100 bytes of which half is random: 1.16 GB, ${Math.round(1.16e9 / memoryBytes)} times the memory
that each engine was given (half of it for its cache, the rest for memtables; what an engine does not count, it takes
beside it). Durability \`process\`. Each engine in a process of its own; the puts are the last million keys; before the gets
the database was closed and the system told to forget its files. One run, on a machine with 2 cores.

${table.join('\n')}
`;
}
