/**
 * `coppice stats`: figures of a database, once or again and again.
 *
 * @module
 */

import { type Call, type Command, EXIT, usage } from '../command.js';
import { columns, figure, type Unit } from '../figures.js';
import { type FolderStats, folderMetrics, folderStats } from '../folder-stats.js';
import { watch } from '../watch.js';

const SECONDS_MAX = 86_400;

export const stats: Command = {
  name: 'stats',
  summary: 'print what is there: keys, bytes, levels; also beside a writer, whose own db.stats() counts its work',
  positionals: ['PATH', '[SECONDS]'],
  flags: {
    metrics: { type: 'boolean', help: 'in the Prometheus text format' },
    watch: {
      type: 'boolean',
      help: 'again every SECONDS (1), with rates, until Ctrl-C; --json: one document each time',
    },
  },
  run(call) {
    if (call.has('metrics') && call.has('json')) throw usage('give --metrics or --json, not both');
    const seconds = secondsOf(call);
    if (seconds !== undefined) return watch(call, seconds);
    return call.withDatabase({ readOnly: true }, async (db) => {
      if (call.has('metrics')) await call.terminal.write(folderMetrics(db.metrics()));
      else if (call.has('json')) await call.terminal.json(folderStats(db.stats()));
      else for (const line of table(folderStats(db.stats()))) await call.terminal.line(line);
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

/** What people are shown above the levels. */
const FIGURES: readonly (readonly [string, keyof FolderStats, Unit])[] = [
  ['keys (estimate)', 'keysEstimate', 'count'],
  ['newest revision', 'revision', 'count'],
  ['on disk', 'diskBytes', 'bytes'],
  ['of it log', 'logBytes', 'bytes'],
  ['not in tables yet', 'memtableBytes', 'bytes'],
];

function table(stats: FolderStats): string[] {
  const rows = FIGURES.map(([label, name, unit]) => [label, figure(stats[name] as number, unit)] as const);
  const past = stats.history === undefined ? [] : ['', ...columns(historyRows(stats.history))];
  const keys = stats.encryption === undefined ? [] : ['', ...columns(keyRows(stats.encryption))];
  return [...columns(rows), ...past, ...keys, '', ...levelTable(stats)];
}

function historyRows({ versions, trimRevision, superseded }: NonNullable<FolderStats['history']>): string[][] {
  return [
    ['versions', figure(versions, 'count')],
    ['of them not the newest', figure(superseded, 'count')],
    ['trimmed to revision', figure(trimRevision, 'count')],
  ];
}

function keyRows({ keys }: NonNullable<FolderStats['encryption']>): string[][] {
  return keys.map(({ id, files }, at) => [
    at === 0 ? 'encrypted with' : 'still needed',
    id,
    `${figure(files, 'count')} files`,
  ]);
}

function levelTable({ levels }: FolderStats): string[] {
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
