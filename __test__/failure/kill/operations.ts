/**
 * What the writer that is killed writes: operation `i` of a seed, the same to the writer and to whoever checks it.
 *
 * Every operation is one commit, so that the revision of a database says how many of them it holds.
 *
 * @module
 */

import type { Op } from '../../../ts/index.js';
import { type Random, splitMix32 } from '../../support/random.js';

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
function randomOf(seed: number, i: number): Random {
  return splitMix32(Math.imul(seed, 0x9e3779b1) ^ Math.imul(i + 1, 0x85ebca6b));
}
