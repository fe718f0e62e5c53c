/**
 * Checks of options. Every failure is a `COPPICE_INVALID` (or `COPPICE_UNSUPPORTED`) error that names the option, what
 * it must be and what it was given.
 *
 * @module
 */

import { CoppiceError, invalid } from '../errors.js';
import { didYouMean } from './nearest.js';

/** What a group of options may hold. */
export interface Names {
  /** How messages name the group: `open`, `put`, `a range`. */
  readonly of: string;
  readonly known: ReadonlySet<string>;
  /** Options that are decided but not built yet. */
  readonly later: ReadonlySet<string>;
}

export function names(of: string, known: readonly string[], later: readonly string[] = []): Names {
  return { of, known: new Set(known), later: new Set(later) };
}

/** Refuses what is not an object of known options. An option that is `undefined` counts as absent. */
export function checkNames(options: object, group: Names): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw invalid(`the options of ${group.of}`, 'an object', options);
  }
  for (const name in options) {
    if (group.known.has(name)) continue;
    if ((options as Record<string, unknown>)[name] === undefined) continue;
    if (group.later.has(name)) throw unsupported(name, group.of);
    const known = [...group.known].join(', ');
    const meant = didYouMean(name, group.known);
    throw new CoppiceError('INVALID', `unknown option "${name}" of ${group.of}${meant}: it takes ${known}`, {
      details: { option: name },
    });
  }
}

/** The error for an option that a later version takes. */
function unsupported(option: string, of: string): CoppiceError {
  return new CoppiceError(
    'UNSUPPORTED',
    `option "${option}" of ${of} comes in a later version of coppice: leave it out`,
    {
      details: { option },
    },
  );
}

export function boolean(value: unknown, option: string, otherwise: boolean): boolean {
  if (value === undefined) return otherwise;
  if (typeof value === 'boolean') return value;
  throw invalid(option, 'true or false', value);
}

export function integer(value: unknown, option: string, min: number, max: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
  throw invalid(
    option,
    max === Number.MAX_SAFE_INTEGER ? `an integer of at least ${min}` : `an integer from ${min} to ${max}`,
    value,
  );
}

export function oneOf<T extends string>(value: unknown, option: string, choices: readonly T[]): T {
  if (choices.includes(value as T)) return value as T;
  throw invalid(option, `one of ${choices.map((choice) => `'${choice}'`).join(', ')}`, value);
}

export function fn<T>(value: T, option: string): T {
  if (typeof value === 'function') return value;
  throw invalid(option, 'a function', value);
}

export function signal(value: unknown, option = 'signal'): AbortSignal {
  if (value instanceof AbortSignal) return value;
  throw invalid(option, 'an AbortSignal', value);
}

/** A revision as a number; a `bigint` is accepted. */
export function revision(value: unknown, option: string): number {
  const number = typeof value === 'bigint' ? Number(value) : value;
  if (typeof number === 'number' && Number.isSafeInteger(number) && number >= 1) return number;
  throw invalid(option, 'a revision (an integer of at least 1)', value);
}
