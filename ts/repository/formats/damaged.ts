/**
 * What is wrong with an object that was read. Damage may be of the way to here, and is read again; a format that this
 * version does not know stays unknown.
 *
 * @module
 */

import { CoppiceError } from '../../errors.js';

export const FORMAT = 1;

export function damaged(key: string, what: string, cause?: unknown): CoppiceError {
  return new CoppiceError('CORRUPT', `"${key}" is damaged: ${what}`, { cause, details: { key } });
}

/** Throws unless it is of this format and needs nothing that this version does not know. */
export function checkFormat(key: string, format: unknown, requires: readonly string[]): void {
  if (format === FORMAT && requires.length === 0) return;
  const why = format === FORMAT ? `needs ${requires.join(', ')}` : `is of format ${format}`;
  throw new CoppiceError('FORMAT', `"${key}" ${why}, which this version does not know: use a newer one`, {
    details: { key },
  });
}
