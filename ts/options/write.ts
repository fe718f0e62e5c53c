/**
 * The options of writes, and what it means for a write to be safe.
 *
 * @module
 */

import { CoppiceError } from '../errors.js';
import { checkNames, names, oneOf, signal } from './check.js';
import { type Clock, type Duration, deadlineMs } from './duration.js';

/**
 * What an acknowledged write survives the loss of.
 *
 * | value | the promise resolves when | lost only if |
 * |---|---|---|
 * | `process` | its log record is with the operating system | the machine loses power; a killed process loses nothing |
 * | `disk` | its log record is synced | the disk is lost |
 */
export type Durability = 'process' | 'disk';

export interface WriteOptions {
  /** Default: the `durability` the database was opened with. */
  durability?: Durability;
  /**
   * Gives up waiting. Before the write is logged it rejects with `COPPICE_ABORTED` and nothing is written; afterwards
   * with `COPPICE_UNKNOWN_OUTCOME`, whose `details.revision` `waitFor` settles.
   */
  signal?: AbortSignal;
}

/** When an entry expires; it is invisible from then on. Never, if neither is given. */
export interface Expiry {
  /** So long after this call: milliseconds, or text like `'90s'` or `'5m'`. */
  ttl?: Duration;
  /** At this wall-clock time. Not together with `ttl`. */
  expiresAt?: Date;
}

export interface PutOptions extends WriteOptions, Expiry {}

const DURABILITIES = ['process', 'disk'] as const;
const PUT = names('put', ['ttl', 'expiresAt', 'durability', 'signal'], ['lease']);
const WRITE = names('a write', ['durability', 'signal']);

/** A durability, or the one to use when none is given. */
export function durability(value: unknown, otherwise: Durability): Durability {
  if (value === undefined) return otherwise;
  if (value === 'replicated' || value === 'remote') {
    const needs = value === 'remote' ? 'an object store' : 'a cluster';
    throw new CoppiceError(
      'UNSUPPORTED',
      `durability '${value}' needs ${needs}, which comes in a later version of coppice`,
      {
        details: { option: 'durability' },
      },
    );
  }
  return oneOf(value, 'durability', DURABILITIES);
}

/** Checks the options of `put`; answers the deadline. */
export function checkPut(options: PutOptions, clock: Clock): number | undefined {
  checkNames(options, PUT);
  if (options.signal !== undefined) signal(options.signal);
  return deadlineMs(options.ttl, options.expiresAt, clock);
}

/** Checks the options of a write other than `put`. */
export function checkWrite(options: WriteOptions): void {
  checkNames(options, WRITE);
  if (options.signal !== undefined) signal(options.signal);
}
