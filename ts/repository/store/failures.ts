/**
 * How a store fails: what an error says of the put that it ended, and what to do about it.
 *
 * @module
 */

import { CoppiceError } from '../../errors.js';

/** What is known of a put that rejected; see `ObjectStore.put`. */
export type Outcome = 'lost' | 'refused' | 'unknown';

/** Why a put lost, as `details.reason` of `COPPICE_PRECONDITION`. */
export type Loss =
  /** With `ifNoneMatch`: there is such an object. */
  | 'exists'
  /** With `ifMatch`: it has another ETag. */
  | 'changed'
  /** With `ifMatch`: there is no such object. */
  | 'missing'
  /** Another put of the same key was under way, which may win or lose. */
  | 'conflict';

/** Why a store failed, as `details.reason` of `COPPICE_STORE`. */
export type Reason =
  | 'bucket'
  | 'busy'
  | 'checksum'
  | 'clock'
  | 'credentials'
  | 'disk'
  | 'forbidden'
  | 'network'
  | 'region'
  | 'request'
  | 'sdk'
  | 'server'
  | 'timeout'
  | 'tls'
  /** Its conditional puts do not hold: see `probe`. */
  | 'unsound';

const LOSSES: Record<Loss, string> = {
  exists: 'it exists',
  changed: 'it has changed since it was read',
  missing: 'there is no such object',
  conflict: 'another put of it was under way: read it again, then retry',
};

/** The error of a conditional put whose condition did not hold. */
export function lost(key: string, location: string, reason: Loss, cause?: unknown): CoppiceError {
  const message = `"${key}" in ${location} was not written: ${LOSSES[reason]}`;
  return new CoppiceError('PRECONDITION', message, { cause, details: { key, reason, outcome: 'lost' } });
}

/** What a failure of a store is about. */
export interface Failure {
  readonly reason: Reason;
  /** For a put; whatever else failed changed nothing that matters. */
  readonly outcome: Outcome;
  /** Whether the same call may succeed later, with nothing mended. */
  readonly retry: boolean;
  /** The HTTP status of the answer. */
  readonly status?: number | undefined;
  readonly cause?: unknown;
}

/** The error of a store that refused or failed. `message` says what was being done, what happened and what to do. */
export function storeError(message: string, { cause, ...details }: Failure): CoppiceError {
  return new CoppiceError('STORE', message, { cause, details });
}

/**
 * What is known of a put that rejected with `error`. An error of a store of your own counts as `unknown`, which is always
 * safe, unless its `details.outcome` says otherwise.
 */
export function outcomeOf(error: unknown): Outcome {
  if (!(error instanceof CoppiceError)) return 'unknown';
  const { outcome } = error.details ?? {};
  if (outcome === 'lost' || outcome === 'refused' || outcome === 'unknown') return outcome;
  switch (error.code) {
    case 'COPPICE_PRECONDITION':
      return 'lost';
    case 'COPPICE_ABORTED':
    case 'COPPICE_INVALID':
    case 'COPPICE_TOO_LARGE':
      return 'refused';
    default:
      return 'unknown';
  }
}

/** The error of a put that was given up after it was sent. */
export function unknownPut(key: string, location: string, signal: AbortSignal): CoppiceError {
  const message = `gave up waiting for the put of "${key}" in ${location}, which may land at any time: read it to know`;
  return new CoppiceError('UNKNOWN_OUTCOME', message, { cause: signal.reason, details: { key, outcome: 'unknown' } });
}
