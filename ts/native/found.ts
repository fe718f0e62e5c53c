/**
 * Entries as the addon finds them on other threads.
 *
 * @module
 */

import type { FoundByTask } from './addon.js';
import type { FoundEntry } from './types.js';

export type FoundDetails = Omit<NonNullable<FoundByTask>, 'value'>;

export function foundEntry<T>(value: T, details: FoundDetails): FoundEntry<T> {
  const { revision, deadline, createRevision, version } = details;
  return { value, revision, expiresAtMs: deadline || undefined, createRevision, version };
}
