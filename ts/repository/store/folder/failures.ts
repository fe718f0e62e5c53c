/**
 * What the operating system says, as an error that tells what to do.
 *
 * @module
 */

import { statSync } from 'node:fs';
import { type Outcome, type Reason, storeError } from '../failures.js';

interface Advice {
  readonly reason: Reason;
  readonly advice: string;
  readonly retry?: true;
}

const NO_ROOM: Advice = { reason: 'disk', advice: 'the disk is full: make room', retry: true };
const NOT_ALLOWED: Advice = { reason: 'forbidden', advice: 'this process may not: give it the folder' };
const READ_ONLY: Advice = { reason: 'forbidden', advice: 'the file system is read-only' };
const IN_THE_WAY: Advice = {
  reason: 'request',
  advice: 'in a folder no key can begin with another one and a slash: choose other keys',
};
const NO_FOLDER: Advice = { reason: 'request', advice: 'this is a file, or leads through one: name a folder' };
const TOO_MANY_FILES: Advice = { reason: 'busy', advice: 'too many files are open: raise the limit', retry: true };

const ADVICE: Readonly<Record<string, Advice>> = {
  ENOSPC: NO_ROOM,
  EDQUOT: NO_ROOM,
  EACCES: NOT_ALLOWED,
  EPERM: NOT_ALLOWED,
  EROFS: READ_ONLY,
  EISDIR: IN_THE_WAY,
  ENOTDIR: IN_THE_WAY,
  ENOTEMPTY: IN_THE_WAY,
  EEXIST: IN_THE_WAY,
  EMFILE: TOO_MANY_FILES,
  ENFILE: TOO_MANY_FILES,
};

/** Whether the operating system refused with one of these codes. */
export function hasCode(error: unknown, ...codes: string[]): boolean {
  return codes.includes((error as NodeJS.ErrnoException | undefined)?.code ?? '');
}

/** The error for what the operating system refused while `doing`; any other is answered as it is. */
export function diskError(doing: string, location: string, error: unknown, outcome?: Outcome): unknown {
  const { code, message, syscall } = error as NodeJS.ErrnoException;
  if (syscall === undefined || code === undefined) return error;
  const known = ADVICE[code] ?? { reason: 'disk', advice: 'the disk failed: mend it' };
  const { reason, advice, retry = false } = known === IN_THE_WAY && !isFolder(location) ? NO_FOLDER : known;
  return storeError(`cannot ${doing} in ${location}: ${advice} (${message})`, {
    reason,
    // What the disk itself failed at may have been done all the same.
    outcome: outcome ?? (code === 'EIO' ? 'unknown' : 'refused'),
    retry,
    cause: error,
  });
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
