/**
 * What the threads that share a branch tell each other, as text, and what they are told who do not fit in.
 *
 * @module
 */

import { CoppiceError, type ErrorDetails, type ErrorName } from '../errors.js';
import type { Agreement } from './options.js';
import type { BranchStatus, Published } from './shell/index.js';

/** What whoever has the seat says to all. */
export interface Said {
  /** Who says it: whoever comes after has not heard what this one was asked. */
  readonly carrier: string;
  /**
   * `taking`: it is about to go on for another one; `closing`: nobody else has it open; `overtaken`: everyone is to close the
   * engine; `ended`: nothing further is stored by this process.
   */
  readonly phase: 'open' | 'taking' | 'closing' | 'overtaken' | 'ended';
  readonly databaseId: string;
  /** Everything up to here is in the store. */
  readonly revision: number;
  readonly seq: number;
  readonly status: BranchStatus;
  readonly published: Published | null;
  /** To those who have asked for a checkpoint. */
  readonly answers: Readonly<Record<string, Answer>>;
  /** Why it has ended. */
  readonly error: Failure | null;
  /** Whether what was not acknowledged by then may be in the store nevertheless. */
  readonly inDoubt: boolean;
}

export type Answer = { readonly published: Published } | { readonly error: Failure };

export interface Failure {
  readonly name: ErrorName;
  readonly message: string;
  readonly details: ErrorDetails | undefined;
}

export function encodeSaid(said: Said): string {
  return JSON.stringify(said);
}

/** Nothing, if nothing has been said. */
export function decodeSaid(text: string): Said | undefined {
  return text === '' ? undefined : JSON.parse(text, (key, value) => (key === 'at' ? new Date(value) : value));
}

export function failureOf({ code, message, details }: CoppiceError): Failure {
  return { name: code.slice('COPPICE_'.length) as ErrorName, message, details };
}

export function errorOf({ name, message, details }: Failure): CoppiceError {
  return new CoppiceError(name, message, details === undefined ? {} : { details });
}

/** What every thread has to open the branch with alike. */
export function checkAgreement(wanted: Agreement, agreed: Agreement): void {
  const option = Object.keys(wanted).find((name) => JSON.stringify(wanted[name]) !== JSON.stringify(agreed[name]));
  if (option !== undefined) throw differs(option);
}

export function differs(option: string): CoppiceError {
  const message = `${option} differs from the one that another thread of this process has the same folder open with: they share the branch`;
  return new CoppiceError('INVALID', message, { details: { option } });
}

/** Who has it open still has to close it. */
export function endedElsewhere(folder: string, branch: string): CoppiceError {
  const message = `another thread of this process has ${folder} open, and has lost the branch "${branch}": close it there first`;
  return new CoppiceError('LOCKED', message, { details: { file: folder } });
}
