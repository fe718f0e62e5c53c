import { engines } from '../engines/index.js';
import type { Row } from './summary.js';

/** Three digits and a unit: 1.41M, 85.2k, 9.1. */
export function short(value: number): string {
  if (value >= 999_500) return `${digits(value / 1e6)}M`;
  if (value >= 999.5) return `${digits(value / 1e3)}k`;
  return digits(value);
}

function digits(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

export function ratioText(row: Row): string {
  if (row.ratio === undefined) return '';
  const { median, min, max, to } = row.ratio;
  return `${median.toFixed(2)} (${min.toFixed(2)}-${max.toFixed(2)}) to ${to}`;
}

function lines(rows: readonly Row[]): string[][] {
  const names = engines.map(({ name }) => name).filter((name) => rows.some(({ cells }) => cells.has(name)));
  const head = ['', ...names, 'ratio to the best peer'];
  const body = rows.map((row) => [
    `${row.title}, ${row.unit}`,
    ...names.map((name) => {
      const cell = row.cells.get(name);
      return cell === undefined ? '-' : short(cell.median);
    }),
    ratioText(row),
  ]);
  return [head, ...body];
}

export function textTable(rows: readonly Row[]): string {
  const cells = lines(rows);
  const widths = cells[0]!.map((_, column) => Math.max(...cells.map((line) => line[column]!.length)));
  return cells
    .map((line) => line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  '))
    .join('\n');
}

export function markdownTable(rows: readonly Row[]): string {
  const [head, ...body] = lines(rows);
  const line = (cells: string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head!), `|---|${'---:|'.repeat(head!.length - 1)}`, ...body.map(line)].join('\n');
}

/** Percentiles in microseconds, of the rows that have them. */
export function latencyTable(rows: readonly Row[]): string {
  const timed = rows.filter(({ cells }) => [...cells.values()].some(({ latency }) => latency !== undefined));
  const names = engines.map(({ name }) => name).filter((name) => timed.some(({ cells }) => cells.has(name)));
  const body = timed.map((row) => {
    const cells = names.map((name) => {
      const latency = row.cells.get(name)?.latency;
      return latency === undefined ? '-' : `${short(latency.p50)} / ${short(latency.p99)} / ${short(latency.p999)}`;
    });
    return `| ${[row.title, ...cells].join(' | ')} |`;
  });
  return [`| | ${names.join(' | ')} |`, `|---|${'---:|'.repeat(names.length)}`, ...body].join('\n');
}
