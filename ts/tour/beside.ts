/**
 * Coppice beside an engine in pure JavaScript, on the same data, through the same calls.
 *
 * The other is `memory-level`: a balanced tree in the memory of the process, with Level's interface, storing strings,
 * which is its fastest form. It keeps nothing: what it holds is gone when the process ends. Coppice starts with an empty
 * folder and syncs every commit. The rounds of both alternate, and the median of each counts.
 *
 * @module
 */

import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { type Contender, coppice, memoryLevel } from './contenders.js';
import type { Meaning } from './dictionary.js';
import { count, median, rate, timed } from './figures.js';
import { FIRST_MEANING, openLibrary, removeDatabase } from './library.js';
import type { Tour } from './tour.js';

const ROUNDS = 3;
const ROWS = 25_000;
const ROWS_PER_BATCH = 500;
const ROWS_PER_PAGE = 20;
/** So many rows are read in short ranges for each that is there. */
const ROWS_IN_PAGES = 2;

export interface BesideReport {
  rows: number;
  rounds: number;
  /** Median operations a second. */
  rates: { what: string; coppice: number; memoryLevel: number }[];
}

type Rows = readonly (readonly [string, Meaning])[];

const MEASURES: readonly { what: string; run(engine: Contender, rows: Rows): Promise<number> }[] = [
  { what: `keys written, ${ROWS_PER_BATCH} a batch`, run: write },
  { what: 'keys read, one by one', run: read },
  { what: `rows of short ranges, ${ROWS_PER_PAGE} each`, run: pages },
  { what: 'rows of one long range', run: (engine) => engine.scan() },
];

export async function beside(tour: Tour): Promise<BesideReport> {
  const { screen, options } = tour;
  const rows = shuffled(await sample(options.path));
  const folder = join(options.path, 'beside');
  screen.line(`The same ${count(rows.length)} meanings, as JSON, in both; ${ROUNDS} rounds each, the median counts.`);
  const figures = MEASURES.map(({ what }) => ({ what, coppice: [] as number[], memoryLevel: [] as number[] }));
  try {
    for (let round = 0; round < ROUNDS; round++) {
      screen.progress(round / ROUNDS, `round ${round + 1} of ${ROUNDS}`);
      for (const [i, make] of [coppice, memoryLevel].entries()) {
        await removeDatabase(folder);
        const measured = await measure(tour, await make(folder), rows);
        for (const [j, figure] of figures.entries()) {
          (i === 0 ? figure.coppice : figure.memoryLevel).push(measured[j] as number);
        }
      }
    }
  } finally {
    await removeDatabase(folder);
  }
  screen.endProgress();
  const rates = figures.map((f) => ({ what: f.what, coppice: median(f.coppice), memoryLevel: median(f.memoryLevel) }));
  for (const { what, coppice, memoryLevel } of rates) {
    screen.line(what);
    screen.bars([
      { name: '  coppice', value: coppice, text: rate(coppice) },
      { name: '  memory-level', value: memoryLevel, text: rate(memoryLevel) },
    ]);
  }
  screen.line(screen.dim('memory-level keeps nothing once the process ends; Coppice has synced each batch.'));
  return { rows: rows.length, rounds: ROUNDS, rates };
}

/** Operations a second, for each measure. */
async function measure({ signal }: Tour, engine: Contender, rows: Rows): Promise<number[]> {
  try {
    const rates: number[] = [];
    for (const { run } of MEASURES) {
      // Lets Ctrl-C be heard; reads alone do not.
      await turn();
      signal.throwIfAborted();
      const { ms, answer } = await timed(() => run(engine, rows));
      rates.push((answer / ms) * 1_000);
    }
    return rates;
  } finally {
    await engine.close();
  }
}

/** Meanings from all over the dictionary. */
async function sample(path: string): Promise<[string, Meaning][]> {
  const { db } = await openLibrary(path);
  try {
    const all = await db.entries({ gte: FIRST_MEANING }).toArray();
    const step = Math.max(1, all.length / ROWS);
    return Array.from({ length: Math.min(ROWS, all.length) }, (_, i) => all[Math.floor(i * step)]!);
  } finally {
    await db.close();
  }
}

/** Far apart what stood together, by a step that has no factor in common with the number of rows. */
function shuffled(rows: Rows): Rows {
  let step = Math.max(1, Math.floor(rows.length * 0.618));
  while (divisor(step, rows.length) > 1) step++;
  return rows.map((_, i) => rows[(i * step) % rows.length]!);
}

function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b);
}

async function write(engine: Contender, rows: Rows): Promise<number> {
  for (let i = 0; i < rows.length; i += ROWS_PER_BATCH) {
    await engine.write(rows.slice(i, i + ROWS_PER_BATCH).map(([key, value]) => ({ type: 'put', key, value })));
  }
  return rows.length;
}

async function read(engine: Contender, rows: Rows): Promise<number> {
  let found = 0;
  for (const [key] of rows) if ((await engine.get(key)) !== undefined) found++;
  return found;
}

async function pages(engine: Contender, rows: Rows): Promise<number> {
  let found = 0;
  const asked = rows.slice(0, Math.ceil((rows.length * ROWS_IN_PAGES) / ROWS_PER_PAGE));
  for (const [key] of asked) found += await engine.page(key, ROWS_PER_PAGE);
  return found;
}
