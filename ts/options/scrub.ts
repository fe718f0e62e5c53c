/**
 * The option `scrub` of `open`.
 *
 * @module
 */

import { DURATION_MS_MAX } from '../limits.js';
import { checkNames, integer, names } from './check.js';
import { durationMs } from './duration.js';

export interface ScrubOptions {
  readonly bytesPerSecond: number;
  readonly pauseMs: number;
}

/** A rate that others on the disk hardly notice. */
const BYTES_PER_SECOND = 4 << 20;
const PAUSE_MS = 3_600_000;

const SCRUB = names('scrub', ['bytesPerSecond', 'pause']);

/** Checks the option; answers what it says, or nothing if there is none. */
export function scrubOptions(given: unknown): ScrubOptions | undefined {
  if (given === undefined || given === false) return undefined;
  const options = given === true ? {} : (given as { bytesPerSecond?: unknown; pause?: unknown });
  checkNames(options, SCRUB);
  return { bytesPerSecond: rate(options.bytesPerSecond ?? BYTES_PER_SECOND), pauseMs: pauseOf(options.pause) };
}

/** Bytes a second: at least a page or so. */
export function rate(value: unknown): number {
  return integer(value, 'bytesPerSecond', 1 << 16, Number.MAX_SAFE_INTEGER);
}

function pauseOf(value: unknown): number {
  const ms = value === undefined ? PAUSE_MS : durationMs(value, 'pause');
  return Math.min(ms, 2 ** 31 - 1, DURATION_MS_MAX);
}
