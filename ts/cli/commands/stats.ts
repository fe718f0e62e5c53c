/**
 * `coppice stats`: figures of a database, once or again and again.
 *
 * @module
 */

import type { Stats } from '../../stats.js';
import { type Call, type Command, EXIT, usage } from '../command.js';
import { columns, figure, type Unit } from '../figures.js';
import { watch } from '../watch.js';

const SECONDS_MAX = 86_400;

export const stats: Command = {
  name: 'stats',
  summary: 'print figures: keys, bytes, levels; also while another process writes',
  positionals: ['PATH', '[SECONDS]'],
  flags: {
    metrics: { type: 'boolean', help: 'in the Prometheus text format' },
    watch: {
      type: 'boolean',
      help: 'again every SECONDS (1), with rates, until Ctrl-C; --json: one document each time',
    },
  },
  run(call) {
    const seconds = secondsOf(call);
    if (seconds !== undefined) return watch(call, seconds);
    return call.withDatabase({ readOnly: true }, async (db) => {
      if (call.has('metrics')) await call.terminal.write(db.metrics());
      else if (call.has('json')) await call.terminal.json(db.stats());
      else for (const line of table(db.stats())) await call.terminal.line(line);
      return EXIT.OK;
    });
  },
};

/** How often, if the call watches. */
function secondsOf(call: Call): number | undefined {
  const text = call.positionals[1];
  if (!call.has('watch')) {
    if (text === undefined) return undefined;
    throw usage(`stats takes "${text}" only with --watch`);
  }
  if (call.has('metrics')) throw usage('give --watch or --metrics, not both');
  const seconds = text === undefined ? 1 : Number(text);
  if (seconds >= 0.1 && seconds <= SECONDS_MAX) return seconds;
  throw usage(`--watch takes seconds, 0.1 to ${SECONDS_MAX}, not "${text}"`);
}

/** What people are shown, in groups. */
const GROUPS: readonly (readonly [string, keyof Stats & string, Unit])[][] = [
  [
    ['keys (estimate)', 'keysEstimate', 'count'],
    ['newest revision', 'revision', 'count'],
    ['on disk', 'diskBytes', 'bytes'],
    ['of it log', 'logBytes', 'bytes'],
  ],
  [
    ['memtables', 'memtableBytes', 'bytes'],
    ['page cache', 'cacheBytes', 'bytes'],
    ['indexes and filters', 'residentBytes', 'bytes'],
    ['pages found in the cache', 'cacheHitRatio', 'ratio'],
    ['snapshots', 'snapshots', 'count'],
  ],
  [
    ['commits', 'commits', 'count'],
    ['flushes', 'flushes', 'count'],
    ['compactions', 'compactions', 'count'],
    ['write amplification', 'writeAmplification', 'factor'],
    ['read amplification', 'readAmplification', 'factor'],
    ['pages read in vain', 'filterFalsePositiveRatio', 'ratio'],
    ['compaction behind by', 'pressure', 'ratio'],
    ['delays', 'delays', 'count'],
    ['delayed', 'delayedMs', 'ms'],
    ['stalls', 'stalls', 'count'],
    ['stalled', 'stalledMs', 'ms'],
  ],
];

function table(stats: Stats): string[] {
  const groups = GROUPS.map((group) =>
    group.map(([label, name, unit]) => [label, figure(stats[name] as number, unit)] as const),
  );
  return [...groups.flatMap((group) => [...columns(group), '']), ...levelTable(stats)];
}

function levelTable({ levels }: Stats): string[] {
  const rows = levels.map(({ files, bytes, entries, deletes, rangeDeletes }, level) => [
    String(level),
    figure(files, 'count'),
    figure(bytes, 'bytes'),
    figure(entries, 'count'),
    figure(deletes, 'count'),
    figure(rangeDeletes, 'count'),
  ]);
  const used = rows.filter((_, level) => (levels[level]?.files ?? 0) > 0);
  if (used.length === 0) return ['no tables'];
  const total = (of: 'files' | 'bytes' | 'entries' | 'deletes' | 'rangeDeletes') =>
    levels.reduce((sum, level) => sum + level[of], 0);
  const sum = ['all', figure(total('files'), 'count'), figure(total('bytes'), 'bytes')];
  const rest = (['entries', 'deletes', 'rangeDeletes'] as const).map((of) => figure(total(of), 'count'));
  return columns([['level', 'tables', 'bytes', 'entries', 'deletes', 'of ranges'], ...used, [...sum, ...rest]]);
}
