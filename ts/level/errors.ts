/**
 * Errors with the codes that users of Level look for; the cause has ours.
 *
 * @module
 */

import { CoppiceError } from '../errors.js';

const CODES: Readonly<Record<string, string>> = {
  COPPICE_LOCKED: 'LEVEL_LOCKED',
  COPPICE_CORRUPT: 'LEVEL_CORRUPTION',
  COPPICE_IO: 'LEVEL_IO_ERROR',
  COPPICE_DISK_FULL: 'LEVEL_IO_ERROR',
  COPPICE_CLOSED: 'LEVEL_DATABASE_NOT_OPEN',
};

/** An error as Level tells it, if it has a code for that; else itself. */
export function levelError(error: unknown): unknown {
  const code = error instanceof CoppiceError ? CODES[error.code] : undefined;
  if (code === undefined) return error;
  return Object.assign(new Error((error as Error).message, { cause: error }), { code });
}

/** Why a database does not open, in the words of LevelDB where programs look for them. */
export function openError(location: string, error: unknown): unknown {
  const code = error instanceof CoppiceError ? error.code : undefined;
  const why = {
    COPPICE_NOT_FOUND: 'does not exist (createIfMissing is false)',
    COPPICE_EXISTS: 'exists (errorIfExists is true)',
  };
  const said = code !== undefined && code in why ? why[code as keyof typeof why] : undefined;
  return said === undefined ? levelError(error) : new Error(`${location} ${said}`, { cause: error });
}

/** What a read rejects with whose signal was given. */
export function abortError(cause: unknown): Error {
  const error = new Error('The operation has been aborted', { cause });
  return Object.assign(error, { name: 'AbortError', code: 'LEVEL_ABORTED' });
}
