/**
 * `npm run bench:level`: the same program over `coppice/level` and over `classic-level`, a round of one after a round of the other.
 *
 *     npm run bench:level                                  then writes docs/level-benchmarks.md
 *     npm run bench:level -- --rounds 1 --only get,put     printed only, as with other keys or seconds
 *
 * @module
 */
import { fork } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { installPeers } from '../install.js';
import { median } from '../report/summary.js';
import { short } from '../report/table.js';
import type { Answer, Task } from './child.js';
import { OURS, PEER } from './databases.js';
import { ROWS, VALUE_BYTES } from './rows.js';

const { values: flags } = parseArgs({
  options: {
    keys: { type: 'string', default: '200000' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '0.5' },
    only: { type: 'string' },
  },
});
const root = fileURLToPath(new URL('../..', import.meta.url));
const work = join(root, '.cache', 'bench', 'level');
const rows = flags.only?.split(',') ?? Object.keys(ROWS);
const [keys, rounds, seconds] = [Number(flags.keys), Number(flags.rounds), Number(flags.seconds)];
const isWhole = process.argv.length === 2;

for (const row of rows.filter((name) => !(name in ROWS))) {
  console.error(`there is no row "${row}"; there are ${Object.keys(ROWS).join(', ')}`);
  process.exit(2);
}
installPeers();
const answers: Record<string, Answer[]> = { [OURS]: [], [PEER]: [] };
for (let round = 0; round < rounds; round++) {
  // Each is first in turn.
  for (const database of round % 2 === 0 ? [OURS, PEER] : [PEER, OURS]) {
    console.log(`round ${round + 1} of ${rounds}: ${database}`);
    const folder = join(work, database.replace('/', '-'));
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    answers[database]?.push(await ask({ database, folder, rows, keys, seconds }));
    rmSync(folder, { recursive: true, force: true });
  }
}
const table = [
  `| rows or calls a second | ${OURS} | ${PEER} | ratio, lowest and highest |`,
  '|---|---:|---:|---:|',
  line('load: batch of 1000 at random', ({ rates }) => rates.load as number),
  ...rows.map((name) => line((ROWS[name] as (typeof ROWS)[string]).title, ({ rates }) => rates[name] as number)),
  line('disk after a compaction, bytes (less is better)', ({ bytes }) => bytes, true),
];
console.log(table.join('\n'));
if (isWhole) {
  writeFileSync(join(root, 'docs/level-benchmarks.md'), page());
  console.log('written: docs/level-benchmarks.md');
}

/** Above 1: Coppice is better. */
function line(title: string, figure: (answer: Answer) => number, lessIsBetter = false): string {
  const [ours, theirs] = [OURS, PEER].map((name) => (answers[name] as Answer[]).map(figure)) as [number[], number[]];
  const ratios = ours.map((value, round) => {
    const ratio = value / (theirs[round] as number);
    return lessIsBetter ? 1 / ratio : ratio;
  });
  const spread = `${median(ratios).toFixed(2)} (${Math.min(...ratios).toFixed(2)}-${Math.max(...ratios).toFixed(2)})`;
  return `| ${title} | ${short(median(ours))} | ${short(median(theirs))} | ${spread} |`;
}

function ask(task: Task): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const child = fileURLToPath(new URL('./child.ts', import.meta.url));
    const running = fork(child, { execArgv: ['--import', 'tsx', '--expose-gc'] });
    running.on('message', (answer: Answer | { error: string }) => {
      if ('error' in answer) reject(new Error(`${task.database}: ${answer.error}`));
      else resolve(answer);
    });
    running.on('exit', (code) => reject(new Error(`${task.database} ended with ${code}`)));
    running.send(task);
  });
}

function page(): string {
  return `# coppice/level beside classic-level

Written by \`npm run bench:level\`: one program, through the API of Level, over both. ${keys.toLocaleString('en')} keys of 16 bytes with values of ${VALUE_BYTES} bytes,
of which half is random; 160 MiB of cache and 16 MiB of memtable for each. Median of ${rounds} rounds, one of the one after one of the
other, each in a process of its own. As each has it by default a write survives the process; with \`sync: true\` the loss of power. The
ratio is of each round: above 1 Coppice is better. Machine: ${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'}), Node ${process.versions.node}, ${process.platform} ${process.arch}.

${table.join('\n')}
`;
}
