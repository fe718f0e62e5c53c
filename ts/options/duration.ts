/**
 * Durations and the deadlines made of them.
 *
 * @module
 */

import { CoppiceError, invalid } from '../errors.js';
import { DURATION_MS_MAX } from '../limits.js';

/** Milliseconds, or a whole or decimal number with a unit: `'250ms'`, `'90s'`, `'5m'`, `'1.5h'`, `'7d'`. */
export type Duration = number | string;

const UNIT_MS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const TEXT = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/;

/** Whole milliseconds of a duration, rounded up: at least 1, at most 10,000 days. */
export function durationMs(duration: unknown, option: string): number {
  const ms = Math.ceil(
    typeof duration === 'string' ? parse(duration) : typeof duration === 'number' ? duration : Number.NaN,
  );
  if (ms >= 1 && ms <= DURATION_MS_MAX) return ms;
  throw invalid(
    option,
    "milliseconds (1 to 10,000 days) or a duration like '250ms', '90s', '5m', '1.5h' or '7d'",
    duration,
  );
}

/** Whether a text is meant as a duration. */
export const isDuration = (text: string): boolean => TEXT.test(text);

function parse(text: string): number {
  const found = TEXT.exec(text);
  return found === null ? Number.NaN : Number(found[1]) * (UNIT_MS[found[2] as string] as number);
}

/** Whose time a `ttl` counts from: the engine's, which a clock that steps back does not take along. */
export interface Clock {
  readonly nowMs: number;
}

/** The deadline that `ttl` or `expiresAt` name, in Unix milliseconds; `undefined` if neither is given. */
export function deadlineMs(ttl: unknown, expiresAt: unknown, clock: Clock): number | undefined {
  if (ttl !== undefined && expiresAt !== undefined) {
    throw new CoppiceError('INVALID', 'give ttl or expiresAt, not both', { details: { option: 'expiresAt' } });
  }
  if (ttl !== undefined) return clock.nowMs + durationMs(ttl, 'ttl');
  if (expiresAt === undefined) return undefined;
  // 0 stands for no deadline.
  if (expiresAt instanceof Date && expiresAt.getTime() >= 0) return Math.max(1, expiresAt.getTime());
  throw invalid('expiresAt', 'a valid Date since 1970', expiresAt);
}
