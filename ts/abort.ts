/**
 * Giving up waiting, by an `AbortSignal`.
 *
 * @module
 */

import { aborted, CoppiceError } from './errors.js';

/** Throws `COPPICE_ABORTED` if the signal was aborted already. */
export function throwIfAborted(signal: AbortSignal | undefined, doing: string): void {
  if (signal?.aborted) throw aborted(signal, doing);
}

/**
 * `promise`, or a rejection with what `failure` makes as soon as the signal is aborted. What `promise` does afterwards
 * is ignored; the listener is removed as soon as either is settled.
 */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal, failure: () => CoppiceError): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(failure());
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

/** The error of a write that was given up after it was logged: it may or may not survive. */
export function unknownOutcome(signal: AbortSignal, revision: number): CoppiceError {
  const message = `gave up waiting for revision ${revision}, which is logged: waitFor(${revision}) tells when it is safe`;
  return new CoppiceError('UNKNOWN_OUTCOME', message, { cause: signal.reason, details: { revision } });
}

/** Resolves with `promise`, or when so long has passed. */
export async function orElapsed(promise: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const elapsed = new Promise((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([promise, elapsed]).finally(() => clearTimeout(timer));
}
