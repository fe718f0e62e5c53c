/**
 * What can go wrong, as one class with a stable code. Callers branch on `code`, never on the text.
 *
 * A code answers "what should I do now?": mend the call, retry, reopen, restore, report. Failures of the engine cross
 * the boundary as data and become a `CoppiceError` here and nowhere else. Imports nothing; usable from any thread.
 *
 * @module
 */

/**
 * The codes without their prefix, as the code of this package writes them.
 *
 * @inline
 */
export type ErrorName =
  | 'ABORTED'
  | 'BUSY'
  | 'CLOSED'
  | 'COMPACTED'
  | 'CONFLICT'
  | 'CORRUPT'
  | 'DISK_FULL'
  | 'ENCODING'
  | 'ENCRYPTED'
  | 'EXISTS'
  | 'FENCED'
  | 'FORMAT'
  | 'FUTURE_REVISION'
  | 'INVALID'
  | 'IO'
  | 'LEASE_LOST'
  | 'LOCKED'
  | 'NATIVE_MISSING'
  | 'NOT_FOUND'
  | 'NOT_LEADER'
  | 'POISONED'
  | 'PRECONDITION'
  | 'READONLY'
  | 'STORE'
  | 'TOO_LARGE'
  | 'UNKNOWN_OUTCOME'
  | 'UNSUPPORTED'
  | 'WATCH_OVERFLOW'
  | 'WOULD_BLOCK'
  | 'WRONG_ENCRYPTION_KEY';

/**
 * Every code an error of this package can carry. Codes are never renamed or given a second meaning. docs/errors.md has a section for each:
 * why it happens, whether anything is lost, what to do.
 *
 * | code | what to do |
 * |---|---|
 * | `COPPICE_INVALID`, `COPPICE_ENCODING`, `COPPICE_TOO_LARGE` | mend the call: the message names the argument or option |
 * | `COPPICE_UNSUPPORTED` | known, but not on this system, in this database or in this version |
 * | `COPPICE_CLOSED` | the handle, range, batch or snapshot was closed; open a new one |
 * | `COPPICE_LOCKED` | another process has the folder open; the message names it: close it there, or open with `readOnly` |
 * | `COPPICE_NOT_FOUND`, `COPPICE_EXISTS` | open with other options, or another path |
 * | `COPPICE_READONLY` | the database or its folder is read-only |
 * | `COPPICE_BUSY`, `COPPICE_DISK_FULL` | nothing was changed: try again when there is room |
 * | `COPPICE_CONFLICT` | someone else changed what was read: read again and retry |
 * | `COPPICE_ABORTED` | the caller's own signal; nothing was changed |
 * | `COPPICE_UNKNOWN_OUTCOME` | logged but not acknowledged: `waitFor(error.details.revision)` tells; of a put to a store: read the object |
 * | `COPPICE_CORRUPT` | `details.file` and `details.offset` say where; restore a backup, or `salvage` (`coppice repair`) |
 * | `COPPICE_FORMAT` | no database of this version; `details` as above. Open with the right version |
 * | `COPPICE_ENCRYPTED`, `COPPICE_WRONG_ENCRYPTION_KEY` | open it with the key that it was encrypted with, which the message names by its id |
 * | `COPPICE_IO`, `COPPICE_POISONED` | the disk failed: mend it, close and open again |
 * | `COPPICE_COMPACTED`, `COPPICE_FUTURE_REVISION` | choose a revision the database holds |
 * | `COPPICE_WOULD_BLOCK` | use the asynchronous form |
 * | `COPPICE_NATIVE_MISSING` | the native part is not there or does not load: the message says why and what to do, `details.reason` why |
 * | `COPPICE_PRECONDITION` | an object of a store is not as the put required: read it again |
 * | `COPPICE_STORE` | an object store refused or failed: the message says what to mend, `details.retry` whether waiting may be enough |
 * | `COPPICE_FENCED` | another node has taken the branch: close, and open again to follow it or to take it back |
 * | `COPPICE_NOT_LEADER` | this node does not write the branch: `repository()` says why |
 * | `COPPICE_LEASE_LOST`, `COPPICE_WATCH_OVERFLOW` | reserved for leases and watches |
 */
export type ErrorCode = `COPPICE_${ErrorName}`;

/** What else is known about a failure, by name: for example the file and offset of a damaged page. */
export interface ErrorDetails {
  /** The file in which it happened. */
  readonly file?: string;
  /** The byte of that file. */
  readonly offset?: number;
  /** The revision the failure is about. */
  readonly revision?: number;
  /** The option or argument that was refused. */
  readonly option?: string;
  readonly [name: string]: unknown;
}

/** A failure as the addon hands it over. */
export interface NativeFailure {
  /** With or without the `COPPICE_` prefix. */
  readonly code: string;
  readonly message: string;
  readonly file?: string | undefined;
  readonly offset?: number | undefined;
}

/**
 * The only error class that this package throws or rejects with.
 *
 * @example
 * ```ts
 * import { CoppiceError, open } from 'coppice';
 *
 * try {
 *   await open('./absent', { createIfMissing: false });
 * } catch (error) {
 *   if (!(error instanceof CoppiceError) || error.code !== 'COPPICE_NOT_FOUND') throw error;
 *   console.log('there is no database yet');
 * }
 * ```
 */
export class CoppiceError extends Error {
  /** What happened, stable over versions. */
  readonly code: ErrorCode;
  /** What else is known, by name. */
  readonly details?: ErrorDetails;

  constructor(name: ErrorName, message: string, options?: { cause?: unknown; details?: ErrorDetails }) {
    super(message, options !== undefined && 'cause' in options ? { cause: options.cause } : undefined);
    this.code = `COPPICE_${name}`;
    if (options?.details !== undefined) this.details = options.details;
  }
}

// On the prototype, so that it is neither enumerable nor set once per error.
Object.defineProperty(CoppiceError.prototype, 'name', { value: 'CoppiceError', configurable: true, writable: true });

/** What to do now, for failures of which the engine says only what happened. */
const ADVICE: Partial<Record<ErrorName, string>> = {
  CORRUPT: '"coppice verify" lists all damage, "coppice repair" copies what is readable',
  LOCKED: 'close it there first; only to read, open it here with readOnly: true',
};

/** The error for a failure that crossed the boundary as data. */
export function fromNative(failure: NativeFailure): CoppiceError {
  const { code, message, file, offset } = failure;
  const name = (code.startsWith('COPPICE_') ? code.slice('COPPICE_'.length) : code) as ErrorName;
  const advice = ADVICE[name] === undefined ? '' : `: ${ADVICE[name]}`;
  if (file === undefined) return new CoppiceError(name, message + advice);
  const place = offset === undefined ? file : `${file} at ${offset}`;
  const details = offset === undefined ? { file } : { file, offset };
  return new CoppiceError(name, `${message} (${place})${advice}`, { details });
}

/** The error for an argument or option with a wrong value; it names the option and what it was given. */
export function invalid(option: string, expected: string, given: unknown): CoppiceError {
  return new CoppiceError('INVALID', `${option} must be ${expected}, not ${show(given)}`, { details: { option } });
}

/** The error of every call on something closed. */
export function closed(what: string): CoppiceError {
  return new CoppiceError('CLOSED', `this ${what} is closed`);
}

/**
 * The error for an aborted signal; the signal's own reason is kept as its cause.
 *
 * A commit that was logged before the abort is not covered by this: see `COPPICE_UNKNOWN_OUTCOME`.
 */
export function aborted(signal: AbortSignal, doing: string): CoppiceError {
  return new CoppiceError('ABORTED', `${doing} was aborted`, { cause: signal.reason });
}

const SHOWN_CHARACTERS_MAX = 60;

/** A short rendering of a value for a message: never a whole document, never a failing `toString`. */
function show(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === 'string') {
    return JSON.stringify(value.length > SHOWN_CHARACTERS_MAX ? `${value.slice(0, SHOWN_CHARACTERS_MAX)}...` : value);
  }
  if (typeof value === 'object')
    return Array.isArray(value) ? 'an array' : withArticle(value.constructor?.name ?? 'bare object');
  if (typeof value === 'function') return 'a function';
  return `${String(value)} (${typeof value})`;
}

const withArticle = (name: string): string => `${/^[AEIO]/.test(name) ? 'an' : 'a'} ${name}`;
