/**
 * Writes `docs/benchmarks.md`, its charts and the figures they are made of.
 *
 * @module
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';
import { engines } from '../engines/index.js';
import type { Outcome } from '../runs.js';
import { chart } from './chart.js';
import type { Row } from './summary.js';
import { latencyTable, markdownTable } from './table.js';

const CHARTS: Record<string, { title: string; questions: string[] }> = {
  writes: {
    title: 'Writes',
    questions: ['fill-sequential', 'fill-random', 'fill-random-1k', 'put', 'put-64', 'durable-put', 'durable-put-64'],
  },
  reads: { title: 'Point reads', questions: ['get-sync', 'get-text', 'get-missing', 'get-async', 'get-async-64'] },
  ranges: { title: 'Ranges and mixtures', questions: ['scan', 'range', 'mixed', 'mixed-64'] },
  costs: { title: 'What it costs', questions: ['open', 'disk', 'memory'] },
};

export function publish(rows: readonly Row[], outcomes: readonly Outcome[], keys: number, docs: string): void {
  const folder = join(docs, 'benchmarks');
  mkdirSync(folder, { recursive: true });
  const persistent = (engine: string) => engines.some((one) => one.name === engine && one.persistent);
  const images = Object.entries(CHARTS).flatMap(([name, { title, questions }]) => {
    const drawn = rows.filter(({ question }) => questions.includes(question));
    if (drawn.length === 0) return [];
    writeFileSync(join(folder, `${name}.svg`), chart(title, drawn, persistent));
    return [`![${title}](benchmarks/${name}.svg)`];
  });
  writeFileSync(join(folder, 'results.json'), `${JSON.stringify(results(rows, outcomes), null, 1)}\n`);
  writeFileSync(join(docs, 'benchmarks.md'), page(rows, keys, images));
}

function results(rows: readonly Row[], outcomes: readonly Outcome[]): object {
  const left = new Map<string, string>();
  for (const { engine, question, answer } of outcomes) {
    if ('error' in answer) left.set(`${question} ${engine}`, answer.error);
  }
  return {
    rows: rows.map((row) => ({ ...row, cells: Object.fromEntries(row.cells) })),
    without: Object.fromEntries(left),
  };
}

function machine(): string {
  const [one] = cpus();
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB of memory`;
  const node = `Node ${process.versions.node}, ${process.platform} ${process.arch}`;
  const load = loadavg()[2]!.toFixed(1);
  return `Machine: ${cpus().length} cores (${one?.model ?? 'unknown'}), ${memory}, ${node};
load average over the last 15 minutes ${load}: above the number of cores, other work ran beside the measurement, absolute
figures are low for all engines, and the ratios are what counts.`;
}

function page(rows: readonly Row[], keys: number, images: string[]): string {
  const rounds = Math.max(...rows.flatMap(({ cells }) => [...cells.values()].map(({ values }) => values.length)));
  return `# Benchmarks

Written by \`npm run bench\`; the figures of every round are in [results.json](benchmarks/results.json).

${keys.toLocaleString('en')} keys of 16 bytes with values of 100 bytes, half of each value random. Median of ${rounds}
interleaved rounds, each engine in a process of its own in every round; after the first round a row goes on with Coppice
and the two best persistent peers. ${machine()}

The rules: one public call an operation; every key and value that comes back is read; the same durability (\`process\`:
acknowledged writes survive kill -9; *durable* rows: they survive a power cut); 160 MiB of cache and 16 MiB of memtable for
every engine that has such a setting, and point reads and ranges are asked after everything was read through once. lmdb
maps its file, so the whole of it is its cache. The ratio compares Coppice with
the best persistent engine of the row, round by round: above 1 Coppice is better, in brackets the smallest and the largest.
memory-level is pure JavaScript, keeps nothing, and is shown for comparison only. A dash: the engine has no such call.

${markdownTable(rows)}

## Latency of single operations

p50 / p99 / p99.9 in microseconds.

${latencyTable(rows)}

${images.join('\n\n')}
`;
}
