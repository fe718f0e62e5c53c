/**
 * The records that the killed process writes, known by their number alone, so that whoever reads them can tell a whole
 * one from a torn one.
 *
 * @module
 */

import { createHash } from 'node:crypto';

export function recordKey(number: number): string {
  return String(number).padStart(10, '0');
}

export function recordValue(number: number): string {
  const digest = createHash('sha256').update(String(number)).digest('hex');
  return `record ${number} ${digest.repeat(3)}`;
}
