/**
 * Makes rows of a table of what was measured: medians, and the ratio to the best persistent peer of each row.
 *
 * @module
 */
import { engines } from '../engines/index.js';
import type { Latency } from '../measure.js';
import { questions } from '../questions/index.js';
import type { Outcome } from '../runs.js';

const OURS = 'coppice';
/** Peers of a row that go on after the rounds of all. */
const CONTENDERS = 2;

export interface Cell {
  /** Of all rounds, in their order. */
  values: number[];
  median: number;
  latency?: Latency;
}

export interface Row {
  question: string;
  title: string;
  unit: string;
  better: 'higher' | 'lower';
  cells: Map<string, Cell>;
  /** Above 1: Coppice is better. */
  ratio?: { to: string; median: number; min: number; max: number };
}

export function summarize(outcomes: readonly Outcome[]): Row[] {
  const rows: Row[] = [];
  for (const [question, { title, unit, better }] of Object.entries(questions)) {
    const cells = new Map<string, Cell>();
    for (const { name } of engines) {
      const cell = cellOf(outcomes.filter((one) => one.question === question && one.engine === name));
      if (cell !== undefined) cells.set(name, cell);
    }
    if (cells.size > 0) rows.push(withRatio({ question, title, unit, better, cells }));
  }
  return rows;
}

/** Whether an engine goes on after the rounds of all: Coppice, and the peers that can still be the best of the row. */
export function isContender(outcomes: readonly Outcome[], engine: string, question: string): boolean {
  const row = summarize(outcomes).find((one) => one.question === question);
  if (row === undefined || engine === OURS) return true;
  return peersOf(row)
    .slice(0, CONTENDERS)
    .some(({ name }) => name === engine);
}

/** The persistent peers of a row, the best first. */
function peersOf({ cells, better }: Row): { name: string; cell: Cell }[] {
  const sign = better === 'higher' ? -1 : 1;
  return engines
    .filter(({ name, persistent }) => persistent && name !== OURS && cells.has(name))
    .map(({ name }) => ({ name, cell: cells.get(name)! }))
    .sort((a, b) => sign * (a.cell.median - b.cell.median));
}

function cellOf(outcomes: Outcome[]): Cell | undefined {
  const figures = outcomes.flatMap(({ answer }) => ('error' in answer ? [] : [answer]));
  if (figures.length === 0) return undefined;
  const values = figures.map(({ value }) => value);
  const latencies = figures.flatMap(({ latency }) => (latency === undefined ? [] : [latency]));
  const cell: Cell = { values, median: median(values) };
  if (latencies.length > 0) {
    cell.latency = {
      p50: median(latencies.map(({ p50 }) => p50)),
      p99: median(latencies.map(({ p99 }) => p99)),
      p999: median(latencies.map(({ p999 }) => p999)),
    };
  }
  return cell;
}

function withRatio(row: Row): Row {
  const ours = row.cells.get(OURS);
  const peers = peersOf(row);
  const roundsMax = Math.max(...peers.map(({ cell }) => cell.values.length));
  const best = peers.find(({ cell }) => cell.values.length === roundsMax);
  if (ours === undefined || best === undefined) return row;
  const rounds = Math.min(ours.values.length, best.cell.values.length);
  const ratios = Array.from({ length: rounds }, (_, round) => {
    const ratio = ours.values[round]! / best.cell.values[round]!;
    return row.better === 'higher' ? ratio : 1 / ratio;
  });
  return {
    ...row,
    ratio: { to: best.name, median: median(ratios), min: Math.min(...ratios), max: Math.max(...ratios) },
  };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
