import type { ExecutionContext } from 'ava';

/** Answers a whole number below its argument. */
export type Random = (below: number) => number;

/** Random numbers from a seed, which is printed so that a failure can be repeated: `SEED=1234 npm test`. */
export function randomOf(t: ExecutionContext): Random {
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 32));
  t.log(`SEED=${seed}`);
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
