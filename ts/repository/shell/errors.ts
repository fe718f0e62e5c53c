/**
 * What those are told who wait for a branch or for commits.
 *
 * @module
 */

import { CoppiceError, type ErrorName } from '../../errors.js';
import type { State } from '../protocol/index.js';

/** Another node has the branch. */
export function fenced(branch: string, cause?: unknown): CoppiceError {
  const message = `another node has taken the branch "${branch}": open it again to follow, or to take it back`;
  return new CoppiceError('FENCED', message, { cause, details: { branch } });
}

/** There is nothing to read. */
export function shippedElsewhere(): CoppiceError {
  const message = 'another thread ships this branch: it is detached by the first that opened it';
  return new CoppiceError('UNSUPPORTED', message);
}

export function noBranch(branch: string, { location }: { readonly location: string }): CoppiceError {
  return new CoppiceError('NOT_FOUND', `there is no branch "${branch}" in ${location}`, { details: { branch } });
}

/** Nobody can do anything about it but an operator. */
export function failed(
  branch: string,
  { location }: { readonly location: string },
  { head, reason, settings }: State,
): CoppiceError {
  if (head !== null && head.head.state !== 'live')
    return new CoppiceError('NOT_FOUND', `the branch "${branch}" in ${location} has been deleted`);
  if (head?.head.kind !== 'tag' || settings.mode === 'replica')
    return new CoppiceError('STORE', `the branch "${branch}" cannot be used: ${reason}`);
  const message = `"${branch}" in ${location} is a tag, which nobody writes: open it with readOnly, or make a branch of it and open that`;
  return new CoppiceError('READONLY', message, { details: { branch } });
}

/** One was to be made. */
export function branchExists(branch: string, where: string): CoppiceError {
  return new CoppiceError('EXISTS', `the branch "${branch}" in ${where} exists, and errorIfExists was given`);
}

/** The database in a folder would be the first content of a branch that is there, with something else in it. */
export function branchOfOthers(
  branch: string,
  { location }: { readonly location: string },
  folder: string,
): CoppiceError {
  const message = `the branch "${branch}" in ${location} exists, and ${folder} holds a database that is no part of it: give another branch, or an empty folder`;
  return new CoppiceError('EXISTS', message, { details: { option: 'store', branch, file: folder } });
}

/** Whoever only reads a branch makes none. */
export function belongsToNone(folder: string): CoppiceError {
  const message = `${folder} holds a database that is in no store: open it for writing with the store, which makes a branch of it, or follow in an empty folder`;
  return new CoppiceError('EXISTS', message, { details: { option: 'readOnly', file: folder } });
}

/** A folder of which a replica would not know what to show: it may hold more than the branch does. */
export function ofOwner(folder: string): CoppiceError {
  const message = `${folder} holds commits that are not in the store: open it with the store to ship them, or follow in an empty folder`;
  return new CoppiceError('INVALID', message, { details: { option: 'readOnly', file: folder } });
}

/** A copy is made in an empty folder. */
export function occupied(folder: string): CoppiceError {
  return new CoppiceError('EXISTS', `${folder} holds a database: restore into an empty folder`, {
    details: { file: folder },
  });
}

/** Whoever made a copy was killed. */
export function halfCopied(folder: string): CoppiceError {
  const message = `${folder} holds a copy of a branch that is not complete: restore into it again, or remove it`;
  return new CoppiceError('INVALID', message, { details: { file: folder } });
}

/** A commit that the store does not have, and never will. */
export function fencedCommit(branch: string, revision: number): CoppiceError {
  const message = `revision ${revision} was taken back: another node took the branch "${branch}" before it was stored`;
  return new CoppiceError('FENCED', message, { details: { branch, revision } });
}

/** A commit that is on this disk, and in the store when the branch is opened again. */
export function unshipped(revision: number): CoppiceError {
  const message = `closed before revision ${revision} was in the store: it is on this disk, and goes there at the next open`;
  return new CoppiceError('UNKNOWN_OUTCOME', message, { details: { revision } });
}

/** A commit that may be in the store or not: the thread that shipped it has ended, and then another node took the branch. */
export function doubtful(branch: string, revision: number): CoppiceError {
  const message = `revision ${revision} may be in the store or not: the thread that was shipping it ended, and another node took the branch "${branch}"`;
  return new CoppiceError('UNKNOWN_OUTCOME', message, { details: { branch, revision } });
}

/** A commit about which something else is wrong. */
export function failedCommit(error: CoppiceError, revision: number): CoppiceError {
  const name = error.code.slice('COPPICE_'.length) as ErrorName;
  return new CoppiceError(name, `revision ${revision} is not known to be in the store: ${error.message}`, {
    cause: error,
    details: { ...error.details, revision },
  });
}

const FULL = new Set(['ENOSPC', 'EDQUOT']);

/** A file of this disk could not be written. */
export function unwritten(file: string, cause: unknown): CoppiceError {
  const isFull = FULL.has((cause as NodeJS.ErrnoException).code ?? '');
  const message = isFull ? `there is no room for ${file}` : `cannot write ${file}: ${(cause as Error).message}`;
  return new CoppiceError(isFull ? 'DISK_FULL' : 'IO', message, { cause, details: { file } });
}

/** So often is an object read again that seems to be damaged, before that is told to whoever opens. */
const DAMAGED_MAX = 3;

/** Another version is needed, another key, or another name: no waiting brings it. */
const FINAL = new Set<string>([
  'COPPICE_FORMAT',
  'COPPICE_ENCRYPTED',
  'COPPICE_WRONG_ENCRYPTION_KEY',
  'COPPICE_INVALID',
]);

/** Whether trying again may be enough, what has failed so often before. */
export function isPassing(error: unknown, isOpening: boolean, failures: number): boolean {
  if (!(error instanceof CoppiceError)) return true;
  if (FINAL.has(error.code)) return false;
  // What an operator has to mend is told to whoever opens; later it is waited out.
  if (!isOpening) return true;
  if (error.code === 'COPPICE_CORRUPT') return failures < DAMAGED_MAX;
  return error.code !== 'COPPICE_DISK_FULL' && error.details?.retry !== false;
}

/** Whether a store that failed so often before may answer yet, with nothing mended. */
export function isOutage(error: unknown, failures: number): boolean {
  if (!(error instanceof CoppiceError)) return true;
  if (error.code === 'COPPICE_CORRUPT') return failures < DAMAGED_MAX;
  return error.code === 'COPPICE_STORE' && error.details?.retry !== false;
}

const LATER = new Set(['COPPICE_DISK_FULL', 'COPPICE_BUSY', 'COPPICE_STORE']);

/** Whether what could not be done with the disk may be done later: there was no room, or nothing to fill it with. */
export function mayCome(error: unknown): boolean {
  return error instanceof CoppiceError && LATER.has(error.code);
}
