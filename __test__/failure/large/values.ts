/**
 * Values that are told apart and known again by their number, cut from one buffer of random bytes: what a test holds
 * itself must not hide what the engine takes.
 *
 * @module
 */

import { splitMix32 } from '../../support/random.js';

/** Bytes between the beginnings of two values. */
const STEP = 4_099;

export type ValueAt = (number: number) => Buffer;

/** Values of `bytes` bytes under the numbers below `count`. */
export function values(seed: number, bytes: number, count: number): ValueAt {
  const random = splitMix32(seed);
  const all = Buffer.allocUnsafeSlow(bytes + STEP * count);
  const words = new Uint32Array(all.buffer, 0, Math.floor(all.length / 4));
  for (let at = 0; at < words.length; at++) words[at] = random(2 ** 32);
  return (number) => all.subarray(STEP * number, STEP * number + bytes);
}
