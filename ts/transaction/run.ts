/**
 * Running a function as a transaction, again and again until nothing has come in between.
 *
 * @module
 */

import { throwIfAborted } from '../abort.js';
import type { Conflict } from '../batch.js';
import { CoppiceError, type ErrorDetails } from '../errors.js';
import type { Handle } from '../handle.js';
import type { Keyspace } from '../keyspace.js';
import { RETRY_MS_MAX } from '../limits.js';
import { fn } from '../options/check.js';
import { type TransactionOptions, transactionSettings } from './options.js';
import { State } from './state.js';
import { Transaction } from './transaction.js';

/** See `Database.transaction`. */
export async function runTransaction<K, V, T>(
  handle: Handle,
  space: Keyspace<K, V>,
  work: (transaction: Transaction<K, V>) => Promise<T> | T,
  options: TransactionOptions,
): Promise<T> {
  fn(work, 'what a transaction does');
  const { retries, ...settings } = transactionSettings(options, handle);
  for (let attempt = 1; ; attempt++) {
    throwIfAborted(settings.signal, 'the transaction');
    const state = new State(handle, settings);
    const transaction = new Transaction(state, space, attempt);
    try {
      const result = await work(transaction);
      if (!state.isOpen) return result;
      const answer = await transaction.commit();
      if (answer.ok) return result;
      if (attempt > retries) {
        const said = `others have changed what the transaction read, in each of ${attempt} tries; at last`;
        throw conflict(said, answer, { attempts: attempt });
      }
    } finally {
      transaction.release();
    }
    await pause(attempt);
  }
}

/** Between two tries: those that have met each other must not meet again. */
export function pause(attempt: number): Promise<void> {
  const ms = Math.random() * Math.min(2 ** attempt, RETRY_MS_MAX);
  return new Promise((resolve) => setTimeout(resolve, ms));
}

const KEYS_SHOWN_MAX = 3;

/** The error that says a conflict. */
export function conflict(
  said: string,
  { conflicts, revision }: Conflict<unknown>,
  details: ErrorDetails = {},
): CoppiceError {
  const keys = conflicts.map(({ key }) => key);
  const shown = keys.slice(0, KEYS_SHOWN_MAX).map(String).join(', ');
  const more = keys.length > KEYS_SHOWN_MAX ? ` and ${keys.length - KEYS_SHOWN_MAX} more` : '';
  return new CoppiceError('CONFLICT', `${said}: ${shown}${more}`, { details: { keys, revision, ...details } });
}
