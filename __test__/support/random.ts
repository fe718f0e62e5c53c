import type { ExecutionContext } from 'ava';

/** Answers a whole number below its argument. */
export type Random = (below: number) => number;

/**
 * The seed of a run: the same each time, so that what a change did not break stays green; `COPPICE_SEED=1234` plays another,
 * and the proofs (`npm run prove`) draw theirs.
 */
export function seedOfRun(): number {
  return Number(process.env.COPPICE_SEED ?? 1);
}

/** Random numbers from the seed of the run, which is printed. */
export function randomOf(t: ExecutionContext): Random {
  const seed = seedOfRun();
  t.log(`COPPICE_SEED=${seed}`);
  return splitMix32(seed);
}

/** SplitMix32: passes what a test needs, and is short. */
export function splitMix32(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x9e3779b9) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return ((z ^ (z >>> 15)) >>> 0) % below;
  };
}
