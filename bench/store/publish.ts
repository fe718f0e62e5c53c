/**
 * Writes `docs/store-benchmarks.md`, its chart and the figures of every round.
 *
 * @module
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';
import { chart } from '../report/chart.js';
import { type Row as ChartRow, median } from '../report/summary.js';
import { markdownOf, type Row } from './rows.js';
import type { Found } from './sections.js';
import { T4_VERSION } from './t4.js';

export function publish(rows: readonly Row[], found: Found, docs: string): void {
  const folder = join(docs, 'benchmarks');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'store.json'), `${JSON.stringify(found, null, 1)}\n`);
  const drawn = chartRows(found);
  if (drawn.length > 0) {
    writeFileSync(
      join(folder, 'store.svg'),
      chart('Beside t4, on one S3 server', drawn, () => true),
    );
  }
  writeFileSync(join(docs, 'store-benchmarks.md'), page(rows, found, drawn.length > 0));
}

function chartRows({ writes, opening }: Found): ChartRow[] {
  const row = (title: string, unit: string, better: ChartRow['better'], ours: number[], t4: number[]): ChartRow => {
    const cell = (values: number[]) => ({ values, median: median(values) });
    return {
      question: title,
      title,
      unit,
      better,
      cells: new Map([
        ['coppice', cell(ours)],
        ['t4', cell(t4)],
      ]),
    };
  };
  const rate = <T extends { rate: number }>(rounds: readonly T[]): number[] => rounds.map(({ rate }) => rate);
  const rows = writes
    .filter(({ peer }) => peer.length > 0)
    .map(({ width, ours, peer }) =>
      row(`put acknowledged by the store, ${width} in flight`, 'ops/s', 'higher', rate(ours), rate(peer)),
    );
  if (opening.peer.length === 0) return rows;
  return [...rows, row('empty disk to first read, 100,000 keys', 'ms', 'lower', opening.fresh, opening.peer)];
}

function page(rows: readonly Row[], { checkpoints: published }: Found, hasChart: boolean): string {
  const [one] = cpus();
  const { during, beside, stalls, stalledMs } = published.checkpoints;
  const seconds = (times: number[]) => times.map((time) => (time / 1000).toFixed(1)).join(', ');
  return `# Databases in a store: what it costs

Written by \`npm run bench:store\`; the figures of every round are in [store.json](benchmarks/store.json).

Everything ran on one machine, the S3 server too (versitygw, with its objects on the same disk):
${cpus().length} cores (${one?.model ?? 'unknown'}), ${Math.round(totalmem() / 2 ** 30)} GiB of memory, Node ${process.versions.node}. So
requests have no way to go, and database and server take processor and disk from each other; over a network latencies are
longer and the processor is not what is short. Figures are medians of interleaved rounds, in brackets the smallest and the largest.
The load average over the last 15 minutes was ${loadavg()[2]!.toFixed(1)}: above the number of cores, other work ran beside the measurement, figures
of time are poor for all, and what counts is how they compare.

${markdownOf(rows)}
${hasChart ? '\n![Beside t4, on one S3 server](benchmarks/store.svg)\n' : ''}
How it was done:

- The large database: ${(published.loaded.bytes / 2 ** 30).toFixed(2)} GiB in tables, keys of 16 bytes and values of 1,008 that do not compress, loaded at random.
- Waits of commits are counted by the engine (\`commitWaitMsMax\` of \`stats()\`): the longest for the lock under which commits are
  made and the longest for the end of the log, added, of all commits since open, whatever the reason. Besides, ${stalls} commits
  found the memory full (${stalledMs} ms in all).
- Puts beside an upload: single ones of 100 bytes at \`process\`, one after the other, while a checkpoint goes up and, in turn,
  while the same client puts copies of the same tables elsewhere, as many at once. ${during.count.toLocaleString('en')} and ${beside.count.toLocaleString('en')} puts; p99 ${during.p99.toFixed(3)} and
  ${beside.p99.toFixed(3)} ms, the longest ${during.max.toFixed(1)} and ${beside.max.toFixed(1)} ms; the uploads took ${seconds(published.checkpoints.checkpointMs)} and
  ${seconds(published.checkpoints.otherMs)} s. Before each, a part of the keys was overwritten and merged.
- What is uploaded is counted by a store that stands between: each table by its name, against the manifests before and after.
- After a restart, and after a takeover, what is uploaded is counted whatever it is: a table that a compaction has made
  between the last checkpoint and the close is new, and counts too.
- Regrowth: from the call of \`open\` to the first read, in a new process that has talked to the store. The client beside it
  fetches the same objects, as many at once, writes and syncs each and the folder, and checks nothing.
- Puts beside t4: keys of 16 bytes, values of 256, each acknowledged when the store has it. t4 ${T4_VERSION} runs embedded in a Go program
  (\`bench/store/t4\`), one node with its defaults. What is asked for is what t4 reached as a server, called over gRPC.
- Opening: 100,000 such keys, in a checkpoint. The owner before has closed.
- Takeover: the standby looks once a second. An owner that was killed is taken for dead after 30 seconds of silence.
- Shipping: the same puts at \`process\` and \`disk\`, in a database with a store and in one without.
`;
}
