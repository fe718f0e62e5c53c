/**
 * What those are told who wait for a branch or for commits.
 *
 * @module
 */

import { CoppiceError, type ErrorName } from '../../errors.js';

/** Another node has the branch. */
export function fenced(branch: string, cause?: unknown): CoppiceError {
  const message = `another node has taken the branch "${branch}": open it again to follow, or to take it back`;
  return new CoppiceError('FENCED', message, { cause, details: { branch } });
}

/** There is nothing to read. */
export function noBranch(branch: string, { location }: { readonly location: string }): CoppiceError {
  return new CoppiceError('NOT_FOUND', `there is no branch "${branch}" in ${location}`);
}

/** One was to be made. */
export function branchExists(branch: string, where: string): CoppiceError {
  return new CoppiceError('EXISTS', `the branch "${branch}" in ${where} exists, and errorIfExists was given`);
}

/** A folder of which a replica would not know what to show: it may hold more than the branch does. */
export function ofOwner(folder: string): CoppiceError {
  const message = `${folder} holds commits that are not in the store: open it with the store to ship them, or follow in an empty folder`;
  return new CoppiceError('INVALID', message, { details: { option: 'readOnly', file: folder } });
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

/** Whether trying again may be enough, what has failed so often before. */
export function isPassing(error: unknown, isOpening: boolean, failures: number): boolean {
  if (!(error instanceof CoppiceError)) return true;
  if (error.code === 'COPPICE_FORMAT') return false;
  // What an operator has to mend is told to whoever opens; later it is waited out.
  if (!isOpening) return true;
  if (error.code === 'COPPICE_CORRUPT') return failures < DAMAGED_MAX;
  return error.code !== 'COPPICE_DISK_FULL' && error.details?.retry !== false;
}

const LATER = new Set(['COPPICE_DISK_FULL', 'COPPICE_BUSY', 'COPPICE_STORE']);

/** Whether what could not be done with the disk may be done later: there was no room, or nothing to fill it with. */
export function mayCome(error: unknown): boolean {
  return error instanceof CoppiceError && LATER.has(error.code);
}
