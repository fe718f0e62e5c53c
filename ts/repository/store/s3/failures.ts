/**
 * What the SDK throws, as errors of ours: what a put's condition met is told apart from what failed.
 *
 * @module
 */

import { aborted, CoppiceError } from '../../../errors.js';
import { type Loss, lost, storeError, unknownPut } from '../failures.js';
import type { StorePutOptions } from '../object-store.js';
import { adviceFor, type Told } from './advice.js';
import { SentOnce } from './client.js';

function told(failure: unknown): Told {
  const { name, message, code, Code, $metadata } = (failure ?? {}) as Partial<Record<keyof Told | 'Code', string>> & {
    $metadata?: { httpStatusCode?: number };
  };
  return { name: Code ?? name ?? '', message: message ?? '', code: code ?? '', status: $metadata?.httpStatusCode };
}

/**
 * Whether the answer was that there is no such object. A missing bucket is something else, and so is the 404 of a server
 * that knows nothing of S3; the answer to a head has no body that could tell them apart.
 */
export function isAbsent(failure: unknown, ofHead = false): boolean {
  const { status, name } = told(failure);
  return status === 404 && (ofHead || name === 'NoSuchKey');
}

/** Whether the answer was that the object ends before the range begins. */
export function isBehindEnd(failure: unknown): boolean {
  return told(failure).status === 416;
}

/** Whether a read that failed may be made again. */
export function mayPass(failure: unknown): boolean {
  return adviceFor(told(failure)).retry === true;
}

/** The error for a call that failed while `doing`. */
export function s3Error(doing: string, location: string, failure: unknown, signal?: AbortSignal): CoppiceError {
  if (failure instanceof CoppiceError) return failure;
  if (signal?.aborted) return aborted(signal, `to ${doing}`);
  const it = told(failure);
  const { reason, advice, retry = false, unknown = false } = adviceFor(it);
  const said = [it.code || it.name, it.message].filter((text) => text !== '').join(': ');
  return storeError(`cannot ${doing} in ${location}: ${advice} (${said})`, {
    reason,
    outcome: unknown ? 'unknown' : 'refused',
    retry,
    status: it.status,
    cause: failure,
  });
}

/** As `s3Error`, for a put. */
export function putError(key: string, location: string, thrown: unknown, options: StorePutOptions): CoppiceError {
  const failure = thrown instanceof SentOnce ? thrown.failure : thrown;
  const loss = lossOf(told(failure), options);
  if (loss !== undefined) return lost(key, location, loss, failure);
  // Nobody knows how far it came.
  if (options.signal?.aborted) return unknownPut(key, location, options.signal);
  return s3Error(`write "${key}"`, location, failure);
}

function lossOf({ status, name }: Told, { ifNoneMatch, ifMatch }: StorePutOptions): Loss | undefined {
  if (ifNoneMatch === undefined && ifMatch === undefined) return undefined;
  if (status === 412) return ifMatch === undefined ? 'exists' : 'changed';
  if (status === 409) return 'conflict';
  return status === 404 && name === 'NoSuchKey' && ifMatch !== undefined ? 'missing' : undefined;
}
