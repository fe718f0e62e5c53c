/**
 * The figures that a folder tells. All others count what an engine has done since it was opened, and that of a command was
 * opened a moment ago: they would be zero, whatever the process that writes has done.
 *
 * @module
 */

import type { Stats } from '../stats.js';

const NAMES = [
  'keysEstimate',
  'revision',
  'diskBytes',
  'logBytes',
  'memtableBytes',
  'history',
  'levels',
  'blobs',
  'encryption',
] as const;
/** The same figures on a page of metrics. */
const METRIC =
  /^(?:# [A-Z]+ )?coppice_(?:keys_estimate|(?:trim_)?revision|(?:disk|log|memtable)_bytes|versions\w*|(?:level|blob)_\w+)[ {]/;

export type FolderStats = Pick<Stats, (typeof NAMES)[number]>;

export function folderStats(stats: Stats): FolderStats {
  return Object.fromEntries(NAMES.map((name) => [name, stats[name]])) as unknown as FolderStats;
}

export function folderMetrics(page: string): string {
  const lines = page.split('\n').filter((line) => METRIC.test(line));
  return `${lines.join('\n')}\n`;
}
