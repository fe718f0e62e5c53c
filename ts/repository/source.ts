/**
 * What a copy is made of: a branch, and a moment of it.
 *
 * @module
 */

import { CoppiceError, invalid } from '../errors.js';
import { checkNames, names, revision as revisionOf } from '../options/check.js';
import { branchName, storeOf } from './options.js';
import type { Until } from './protocol/index.js';
import type { ObjectStore } from './store/index.js';

/** What a database begins with: a branch of a store, and a moment of it. */
export interface RestoreFrom {
  /** Where the branch is. Default: the option `store`. */
  store?: ObjectStore | string;
  /** Default `main`. */
  branch?: string;
  /** The last commit that the copy is to hold. Default: the newest in the store. */
  revision?: number | bigint;
  /** Or everything that was committed until then, by the clock of its writer. */
  time?: Date;
}

/** The same, checked and complete. */
export interface Source {
  readonly store: ObjectStore;
  readonly branch: string;
  /** `undefined`: all of it. */
  readonly until: Until | undefined;
}

const RESTORE = names('restore', ['store', 'branch', 'revision', 'time']);

/** Where the option `restore` of `open` leads. */
export function sourceOf(
  restore: RestoreFrom,
  { store, branch = 'main', readOnly = false }: { store?: unknown; branch?: unknown; readOnly?: boolean | undefined },
): Source {
  checkNames(restore, RESTORE);
  const details = { option: 'restore' };
  if (readOnly) throw new CoppiceError('INVALID', 'restore makes a database, and readOnly makes none', { details });
  const source = { store: restore.store ?? store, branch: branchName(restore.branch ?? 'main') };
  if (source.store === undefined) {
    throw new CoppiceError('INVALID', 'restore needs a store, or the option store, to copy from', { details });
  }
  if (source.store === store && source.branch === branch) {
    const message = `restore copies the branch "${source.branch}" into itself: give the option branch another name, which is made of the copy`;
    throw new CoppiceError('INVALID', message, { details });
  }
  return { ...source, store: storeOf(source.store), until: momentOf(restore) };
}

/** The moment that is named, if one is. */
export function momentOf({ revision, time }: Pick<RestoreFrom, 'revision' | 'time'>): Until | undefined {
  if (time !== undefined && revision !== undefined) {
    throw new CoppiceError('INVALID', 'give revision or time, not both', { details: { option: 'time' } });
  }
  if (time === undefined) return revision === undefined ? undefined : { revision: revisionOf(revision, 'revision') };
  if (time instanceof Date && Number.isFinite(time.getTime())) return { timeMs: time.getTime() };
  throw invalid('time', 'a valid Date', time);
}
