/**
 * What the writer that is killed writes: operation `i` of a seed, the same to the writer and to whoever checks it.
 *
 * Every operation is one commit, so that the revision of a database says how many of them it holds.
 *
 * @module
 */

import type { Op } from '../../../ts/index.js';

export type Operation = Extract<Op<string, string>, { sublevel?: undefined }>[];

const KEYS = 20_000;
const VALUE_CHARACTERS_MAX = 240;
const BATCH_OPERATIONS_MAX = 8;

/** One put or del, or several as a batch. */
export function operation(seed: number, i: number): Operation {
  const random = randomOf(seed, i);
  const one = (at: number): Operation[number] => {
    const key = `k${String(random(KEYS)).padStart(5, '0')}`;
    if (random(10) === 0) return { type: 'del', key };
    return { type: 'put', key, value: `${i}.${at} `.padEnd(random(VALUE_CHARACTERS_MAX), 'abcdefgh') };
  };
  const length = random(10) === 0 ? 2 + random(BATCH_OPERATIONS_MAX - 1) : 1;
  return Array.from({ length }, (_, at) => one(at));
}

/** Applies operation `i` to an ordered map's contents. */
export function apply(model: Map<string, string>, ops: Operation): void {
  for (const op of ops) {
    if (op.type === 'put') model.set(op.key, op.value);
    else model.delete(op.key);
  }
}

/** A generator that any operation can be begun with, unlike one that goes through all of them. */
function randomOf(seed: number, i: number): (below: number) => number {
  let state = (Math.imul(seed, 0x9e3779b1) ^ Math.imul(i + 1, 0x85ebca6b)) >>> 0;
  return (below) => {
    state = (state + 0x9e3779b9) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return ((z ^ (z >>> 15)) >>> 0) % below;
  };
}
