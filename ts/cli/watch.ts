/**
 * Figures of a database again and again, with what has changed since. Each time the folder is read afresh beside whoever
 * writes to it, so it shows what any process has committed.
 *
 * @module
 */

import { CoppiceError } from '../errors.js';
import { type Call, EXIT, type Exit } from './command.js';
import { figure } from './figures.js';
import { type FolderStats, folderStats } from './folder-stats.js';

interface Tick {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly stats: FolderStats;
}

/** Lines between two headings. */
const PAGE = 20;

const COLUMNS: readonly (readonly [string, (tick: Tick, last: Tick | undefined) => string])[] = [
  ['time', ({ at }) => new Date(at).toISOString().slice(11, 19)],
  ['keys', ({ stats }) => figure(stats.keysEstimate, 'count')],
  ['commits/s', rate((stats) => stats.revision, 'count')],
  ['on disk', ({ stats }) => figure(stats.diskBytes, 'bytes')],
  ['disk/s', rate((stats) => stats.diskBytes, 'bytes')],
  ['log', ({ stats }) => figure(stats.logBytes, 'bytes')],
  ['in memory', ({ stats }) => figure(stats.memtableBytes, 'bytes')],
  ['level 0', ({ stats }) => figure(stats.levels[0]?.files ?? 0, 'count')],
  ['tables', ({ stats }) => figure(tables(stats), 'count')],
];

const WIDTH_MIN = 10;

/** Prints until it is interrupted, or nobody reads on. */
export async function watch(call: Call, seconds: number): Promise<Exit> {
  const { terminal } = call;
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort();
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  try {
    let last: Tick | undefined;
    for (let line = 0; !interrupted.signal.aborted && !terminal.gone; line++) {
      const due = Date.now() + seconds * 1_000;
      const tick = await look(call);
      if (tick !== undefined) {
        if (call.has('json')) await terminal.json(document(tick, last));
        else await terminal.line(`${line % PAGE === 0 ? `${heading()}\n` : ''}${row(tick, last)}`);
        last = tick;
      }
      await pause(due - Date.now(), interrupted.signal);
    }
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
  return EXIT.OK;
}

/** Nothing if the writer is too fast to be read beside just now. */
async function look(call: Call): Promise<Tick | undefined> {
  try {
    return await call.withDatabase({ readOnly: true }, async (db) => ({
      at: Date.now(),
      stats: folderStats(db.stats()),
    }));
  } catch (error) {
    if (error instanceof CoppiceError && error.code === 'COPPICE_BUSY') return undefined;
    throw error;
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, Math.max(0, ms));
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
}

function perSecond(tick: Tick, last: Tick | undefined, of: (stats: FolderStats) => number): number | undefined {
  if (last === undefined || tick.at <= last.at) return undefined;
  return (of(tick.stats) - of(last.stats)) / ((tick.at - last.at) / 1_000);
}

function rate(of: (stats: FolderStats) => number, unit: 'count' | 'bytes') {
  return (tick: Tick, last: Tick | undefined): string => {
    const found = perSecond(tick, last, of);
    return found === undefined ? '-' : figure(found, unit);
  };
}

function tables(stats: FolderStats): number {
  return stats.levels.reduce((sum, level) => sum + level.files, 0);
}

function document(tick: Tick, last: Tick | undefined): unknown {
  const { at, stats } = tick;
  const rates = {
    commits: perSecond(tick, last, ({ revision }) => revision),
    diskBytes: perSecond(tick, last, ({ diskBytes }) => diskBytes),
    logBytes: perSecond(tick, last, ({ logBytes }) => logBytes),
  };
  return { at: new Date(at).toISOString(), ...stats, perSecond: last === undefined ? null : rates };
}

function heading(): string {
  return COLUMNS.map(([name]) => name.padStart(WIDTH_MIN)).join(' ');
}

function row(tick: Tick, last: Tick | undefined): string {
  return COLUMNS.map(([, cell]) => cell(tick, last).padStart(WIDTH_MIN)).join(' ');
}
