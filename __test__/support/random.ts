import type { ExecutionContext } from 'ava';

/**
 * Random numbers from a seed, which is printed so that a failure can be repeated: `SEED=1234 npm test`.
 */
export function randomOf(t: ExecutionContext): (below: number) => number {
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 32));
  t.log(`SEED=${seed}`);
  let state = seed >>> 0;
  // SplitMix32: passes what a test needs, and is short.
  return (below) => {
    state = (state + 0x9e3779b9) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return ((z ^ (z >>> 15)) >>> 0) % below;
  };
}
