/**
 * The options of writes, and what it means for a write to be safe.
 *
 * @module
 */

import { CoppiceError } from '../errors.js';
import { checkNames, integer, names, oneOf, signal } from './check.js';
import { type Clock, type Duration, deadlineMs } from './duration.js';

/**
 * What an acknowledged write survives the loss of.
 *
 * | value | the promise resolves when | lost only if |
 * |---|---|---|
 * | `process` | its log record is with the operating system | the machine loses power; a killed process loses nothing |
 * | `disk` | its log record is synced | the disk is lost |
 * | `remote` | it is in the `store` as well, where no other node takes it back | the store is lost |
 */
export type Durability = 'process' | 'disk' | 'remote';

/** What a database can promise. */
export interface Levels {
  /** Unless a write says otherwise. */
  readonly usual: Durability;
  readonly hasStore: boolean;
}

/** What every write takes. */
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

/** How long `close` may take. */
export interface CloseOptions {
  /** How long to wait for the store, in milliseconds. Default 30,000. */
  timeoutMs?: number;
}

const CLOSE = names('close', ['timeoutMs']);
/** What a timer takes. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1;
const DURABILITIES = ['process', 'disk', 'remote'] as const;
const PUT = names('put', ['ttl', 'expiresAt', 'durability', 'signal'], ['lease']);
const WRITE = names('a write', ['durability', 'signal']);

/** How long `close` waits for a store. */
export function closeTimeout(options: CloseOptions): number | undefined {
  checkNames(options, CLOSE);
  const { timeoutMs } = options;
  return timeoutMs === undefined ? undefined : integer(timeoutMs, 'timeoutMs', 0, TIMEOUT_MS_MAX);
}

/** A durability, or the one to use when none is given. */
export function durability(value: unknown, { usual, hasStore }: Levels): Durability {
  if (value === undefined) return usual;
  if (value === 'replicated')
    throw refused('UNSUPPORTED', `'replicated' needs a cluster, which comes in a later version`);
  const level = oneOf(value, 'durability', DURABILITIES);
  if (level === 'remote' && !hasStore)
    throw refused('UNSUPPORTED', "'remote' needs an object store: give open the option store");
  if (level !== 'remote' && usual === 'remote') {
    throw refused('INVALID', `'${level}' is less than the 'remote' of the database, of which readers see nothing less`);
  }
  return level;
}

function refused(name: 'INVALID' | 'UNSUPPORTED', what: string): CoppiceError {
  return new CoppiceError(name, `durability ${what}`, { details: { option: 'durability' } });
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
