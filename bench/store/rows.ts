/**
 * What was found beside what is asked for.
 *
 * @module
 */
import { median } from '../report/summary.js';
import { short } from '../report/table.js';
import type { Puts } from './parts/puts.js';
import type { Regrown } from './parts/regrow.js';
import type { Found } from './sections.js';

export interface Row {
  what: string;
  figure: string;
  asked: string;
  /** Whether it is as asked; nothing where nothing is. */
  holds?: boolean;
}

/** t4's own figures, by its Go client over gRPC on this kind of machine, with synchronous S3. */
const T4_RATES: Readonly<Record<number, number>> = { 1: 470, 64: 4_100 };
const FIRST_READ_MS_MAX = 100;

const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(bytes < 2 ** 24 ? 1 : 0)} MiB`;
const ms = (value: number): string => `${short(value)} ms`;
const range = (values: readonly number[]): string => `${short(Math.min(...values))}-${short(Math.max(...values))}`;

/** MiB a second, a round each. */
function speeds(rounds: readonly Regrown[]): number[] {
  return rounds.map(({ bytes, ms }) => bytes / 2 ** 20 / (ms / 1000));
}

export function rowsOf(found: Partial<Found>): Row[] {
  return [
    ...(found.checkpoints === undefined ? [] : checkpointRows(found.checkpoints)),
    ...(found.regrowth === undefined ? [] : regrowthRows(found.regrowth)),
    ...(found.writes === undefined ? [] : writeRows(found.writes)),
    ...(found.opening === undefined ? [] : openingRows(found.opening)),
    ...(found.takeover === undefined ? [] : takeoverRows(found.takeover)),
    ...(found.branching === undefined ? [] : branchingRows(found.branching)),
    ...(found.shipping === undefined ? [] : shippingRows(found.shipping)),
  ];
}

function checkpointRows({ loaded, checkpoints, restart, takeover }: Found['checkpoints']): Row[] {
  const { during, beside, commitWaitMsMax, needless, tables, bytes, written, writtenBytes, otherPuts } = checkpoints;
  const count = checkpoints.checkpointMs.length;
  const isExact = needless === 0 && tables === written && bytes === writtenBytes;
  return [
    {
      what: `first checkpoint of ${mib(loaded.bytes)} in ${loaded.tables} tables`,
      figure: `${short(loaded.checkpointMs / 1000)} s, ${short(loaded.bytes / 2 ** 20 / (loaded.checkpointMs / 1000))} MiB/s`,
      asked: '',
    },
    {
      what: 'longest that a commit waited on a checkpoint or anything else, in the engine',
      figure: `${commitWaitMsMax.toFixed(3)} ms`,
      asked: 'at most 1 ms',
      holds: commitWaitMsMax <= 1,
    },
    {
      what: 'p99.9 of puts: while a checkpoint uploads / while as many bytes of other files do',
      figure: `${during.p999.toFixed(2)} / ${beside.p999.toFixed(2)} ms: ${(during.p999 / beside.p999).toFixed(2)}`,
      asked: 'at most 2',
      holds: during.p999 <= 2 * beside.p999,
    },
    {
      what: `${count} further checkpoints: tables uploaded / written since the one before`,
      figure: `${tables} of ${mib(bytes)} / ${written} of ${mib(writtenBytes)}, and ${otherPuts} other puts`,
      asked: 'the same',
      holds: isExact,
    },
    {
      what: 'tables uploaded after a restart',
      figure: `${restart.tables} (${restart.puts} puts in all, ${mib(restart.bytes)})`,
      asked: '0',
      holds: restart.tables === 0,
    },
    {
      what: 'tables uploaded after a takeover by an empty folder',
      figure: `${takeover.tables} (${takeover.puts} puts in all, ${mib(takeover.bytes)})`,
      asked: '0',
      holds: takeover.tables === 0,
    },
  ];
}

function regrowthRows({ regrown, plain }: Found['regrowth']): Row[] {
  const [ours, theirs] = [speeds(regrown), speeds(plain)];
  const ratios = ours.map((speed, round) => speed / theirs[round]!);
  const ratio = median(ratios);
  const memory = (rounds: readonly Regrown[]) => Math.max(...rounds.map(({ memory }) => memory)).toFixed(0);
  return [
    {
      what: `regrowth of ${mib(regrown[0]!.bytes)} on an empty disk / the same objects fetched, written and synced`,
      figure: `${short(median(ours))} / ${short(median(theirs))} MiB/s: ${ratio.toFixed(2)} (${range(ratios)})`,
      asked: 'at least 0.70',
      holds: ratio >= 0.7,
    },
    {
      what: 'memory of that process above its start, at most',
      figure: `${memory(regrown)} / ${memory(plain)} MiB`,
      asked: '',
    },
  ];
}

const rates = (rounds: readonly Puts[]): number[] => rounds.map(({ rate }) => rate);
const of = <T>(rounds: readonly T[], figure: (one: T) => number): number => median(rounds.map(figure));

function writeRows(writes: Found['writes']): Row[] {
  return writes.flatMap(({ width, ours, peer }): Row[] => {
    const asked = T4_RATES[width]!;
    const writers = width === 1 ? '1 writer' : `${width} writers`;
    const rate = median(rates(ours));
    const rows: Row[] = [
      {
        what: `put acknowledged by the store, ${writers}`,
        figure: `${short(rate)}/s, p50 ${ms(of(ours, ({ latency }) => latency.p50))}, p99 ${ms(of(ours, ({ latency }) => latency.p99))}`,
        asked: `more than t4's ${short(asked)}/s`,
        holds: rate > asked,
      },
      {
        what: `requests of the store for each, ${writers}`,
        figure: of(ours, ({ requests }) => requests).toFixed(3),
        asked: peer.length === 0 ? '' : `t4: ${of(peer, ({ requests }) => requests).toFixed(3)}`,
      },
    ];
    if (peer.length === 0) return rows;
    const theirs = of(peer, (one) => one.rate);
    rows.splice(1, 0, {
      what: `t4, embedded, here, ${writers}`,
      figure: `${short(theirs)}/s, p50 ${ms(of(peer, ({ p50 }) => p50))}, p99 ${ms(of(peer, ({ p99 }) => p99))}`,
      asked: `slower: ${(rate / theirs).toFixed(2)} times`,
      holds: rate > theirs,
    });
    return rows;
  });
}

function openingRows({ fresh, again, process, peer }: Found['opening']): Row[] {
  const first = median(fresh);
  const rows: Row[] = [
    {
      what: 'first read on an empty disk, from the call of open',
      figure: `${ms(first)} (${range(fresh)})`,
      asked: `under ${FIRST_READ_MS_MAX} ms`,
      holds: first < FIRST_READ_MS_MAX,
    },
    {
      what: 'first read on an empty disk, from the start of the process',
      figure: `${ms(median(process))} (${range(process)})`,
      asked: '',
    },
    {
      what: 'first read on the disk that has it, from the call of open',
      figure: `${ms(median(again))} (${range(again)})`,
      asked: '',
    },
  ];
  if (peer.length > 0) {
    const theirs = median(peer);
    rows.splice(1, 0, {
      what: 't4, embedded, here, first read on an empty disk',
      figure: `${ms(theirs)} (${range(peer)})`,
      asked: 'slower',
      holds: first < theirs,
    });
  }
  return rows;
}

function takeoverRows({ handed, killed }: Found['takeover']): Row[] {
  const rows: Row[] = [
    {
      what: 'from the close of an owner to the first write of its standby',
      figure: `${ms(median(handed))} (${range(handed)})`,
      asked: '',
    },
  ];
  if (killed.length === 0) return rows;
  return [...rows, { what: 'from its kill', figure: `${short(median(killed) / 1000)} s`, asked: '30 s by rule' }];
}

function branchingRows({ small, large, grown, differ }: Found['branching']): Row[] {
  const [few, many] = [median(small.endMs), median(large.endMs)];
  const noise = Math.max(...small.endMs) / few;
  const share = (100 * differ.readBytes) / differ.ofBytes;
  const first = median(grown.ms);
  const forked = (what: string, forks: readonly [number[], number[]], requests: number): Row => ({
    what: `a branch ${what}, of a database of 1 MiB / 1 GiB that nobody has open`,
    figure: `${ms(median(forks[0]))} (${range(forks[0])}) / ${ms(median(forks[1]))} (${range(forks[1])}), ${requests} requests`,
    asked: 'at most 3 requests; the same within noise',
    holds: requests <= 3 && many / few < Math.max(1.25, noise),
  });
  return [
    forked('of all that is there', [small.endMs, large.endMs], Math.max(small.endRequests, large.endRequests)),
    forked(
      'at the revision of a checkpoint',
      [small.pastMs, large.pastMs],
      Math.max(small.pastRequests, large.pastRequests),
    ),
    {
      what: 'from the call of `branch` to the first read, 100,000 keys, beside its parent',
      figure: `${ms(first)} (${range(grown.ms)})`,
      asked: 'under 50 ms (t4: 108)',
      holds: first < 50,
    },
    {
      what: `diff of two branches of ${mib(differ.ofBytes)} that differ in ${differ.changes} keys: read of disk and store`,
      figure: `${mib(differ.readBytes)}, ${share.toFixed(2)}%, ${ms(differ.ms)}`,
      asked: 'at most 2%',
      holds: share <= 2,
    },
  ];
}

function shippingRows(shipping: Found['shipping']): Row[] {
  return shipping.map(({ durability, width, alone, shipped }) => {
    const ratio = median(shipped.map(({ rate }, round) => rate / alone[round]!.rate));
    const [p99, p99Alone] = [of(shipped, ({ latency }) => latency.p99), of(alone, ({ latency }) => latency.p99)];
    return {
      what: `puts at \`${durability}\`, ${width} at a time: with a store / without`,
      figure: `${short(median(rates(shipped)))} / ${short(median(rates(alone)))} a second: ${ratio.toFixed(2)}; p99 ${p99.toFixed(3)} / ${p99Alone.toFixed(3)} ms`,
      asked: '',
    };
  });
}

const verdict = ({ holds }: Row): string => (holds === undefined ? '' : holds ? 'yes' : 'NO');

export function textOf(rows: readonly Row[]): string {
  return rows
    .map((row) => `${row.what}\n    ${row.figure}${row.asked === '' ? '' : `   [${row.asked}] ${verdict(row)}`}`)
    .join('\n');
}

export function markdownOf(rows: readonly Row[]): string {
  const line = (row: Row): string => `| ${row.what} | ${row.figure} | ${row.asked} | ${verdict(row)} |`;
  return ['| | measured | asked for | |', '|---|---|---|---|', ...rows.map(line)].join('\n');
}
