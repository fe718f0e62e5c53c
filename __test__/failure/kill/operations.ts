/**
 * What the writer that is killed writes: operation `i` of a seed, the same to the writer and to whoever checks it.
 *
 * Every operation is one commit, so that the revision of a database says how many of them it holds.
 *
 * @module
 */

import { type Random, splitMix32 } from '../../support/random.js';

export type Operation = (
  | { type: 'put'; key: string; value: string }
  | { type: 'del'; key: string }
  | { type: 'delRange'; gte: string; lt: string }
)[];

const KEYS = 20_000;
const VALUE_CHARACTERS_MAX = 240;
const BATCH_OPERATIONS_MAX = 8;
/** Keys that one range delete removes. */
const RANGE_KEYS_MAX = 60;

/** One put, del or delRange, or several as a batch. */
export function operation(seed: number, i: number): Operation {
  const random = randomOf(seed, i);
  const one = (at: number): Operation[number] => {
    const number = random(KEYS);
    const key = nameOf(number);
    const fate = random(40);
    if (fate === 0) return { type: 'delRange', gte: key, lt: nameOf(number + 1 + random(RANGE_KEYS_MAX)) };
    if (fate < 5) return { type: 'del', key };
    return { type: 'put', key, value: `${i}.${at} `.padEnd(random(VALUE_CHARACTERS_MAX), 'abcdefgh') };
  };
  const length = random(10) === 0 ? 2 + random(BATCH_OPERATIONS_MAX - 1) : 1;
  return Array.from({ length }, (_, at) => one(at));
}

/** Applies operation `i` to an ordered map's contents. */
export function apply(model: Map<string, string>, ops: Operation): void {
  for (const op of ops) {
    if (op.type === 'put') model.set(op.key, op.value);
    else if (op.type === 'del') model.delete(op.key);
    else for (let at = numberOf(op.gte); at < numberOf(op.lt); at++) model.delete(nameOf(at));
  }
}

function nameOf(number: number): string {
  return `k${String(number).padStart(5, '0')}`;
}

function numberOf(name: string): number {
  return Number(name.slice(1));
}

/** A generator that any operation can be begun with, unlike one that goes through all of them. */
function randomOf(seed: number, i: number): Random {
  return splitMix32(Math.imul(seed, 0x9e3779b1) ^ Math.imul(i + 1, 0x85ebca6b));
}
