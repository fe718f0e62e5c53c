/**
 * Running a function as a transaction, again and again until nothing has come in between.
 *
 * @module
 */

import { throwIfAborted } from '../abort.js';
import type { Conflict } from '../batch.js';
import { CoppiceError } from '../errors.js';
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
      if (attempt > retries) throw gaveUp(answer, attempt);
    } finally {
      transaction.release();
    }
    // Those that have met each other must not meet again.
    const pauseMs = Math.random() * Math.min(2 ** attempt, RETRY_MS_MAX);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

const KEYS_SHOWN_MAX = 3;

function gaveUp({ conflicts, revision }: Conflict<unknown>, attempts: number): CoppiceError {
  const keys = conflicts.map(({ key }) => key);
  const shown = keys.slice(0, KEYS_SHOWN_MAX).map(String).join(', ');
  const more = keys.length > KEYS_SHOWN_MAX ? ` and ${keys.length - KEYS_SHOWN_MAX} more` : '';
  const message = `others have changed what the transaction read, in each of ${attempts} tries; at last: ${shown}${more}`;
  return new CoppiceError('CONFLICT', message, { details: { keys, revision, attempts } });
}
