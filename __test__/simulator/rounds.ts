/**
 * Runs of the simulator, one a seed: `COPPICE_SEED=1 COPPICE_ROUNDS=500 node --import=tsx rounds.ts`. Prints a line
 * `figures: {...}`. A run that breaks something is played once more with everything it did printed, and the exit code
 * is 1; `COPPICE_ROUNDS=1` with its seed plays it alone.
 *
 * @module
 */

import * as protocol from '../../ts/repository/protocol/index.js';
import { addCounters, MANY, noCounters } from './counters.js';
import { simulate } from './world.js';

const LINES_SHOWN = Number(process.env.COPPICE_LINES ?? 400);

/** So many runs may pass without one of what has to happen over and over. */
const SEEDS_BETWEEN_MAX = 10;

const first = Number(process.env.COPPICE_SEED ?? 1);
const rounds = Number(process.env.COPPICE_ROUNDS ?? 500);
const total = noCounters();
for (let seed = first; seed < first + rounds; seed++) {
  try {
    addCounters(total, simulate(protocol, seed));
  } catch (error) {
    explain(seed, error);
    process.exit(1);
  }
}
for (const name of MANY) {
  if (total[name] * SEEDS_BETWEEN_MAX >= rounds) continue;
  console.error(`only ${total[name]} ${name} in ${rounds} runs: this shows little`);
  process.exit(1);
}
console.log(`figures: ${JSON.stringify({ seeds: rounds, ...total })}`);

function explain(seed: number, error: unknown): void {
  const lines: string[] = [];
  try {
    simulate(protocol, seed, (line) => lines.push(line));
  } catch {
    console.error(lines.slice(-LINES_SHOWN).join('\n'));
  }
  console.error(`seed ${seed}: ${(error as Error).stack}`);
}
