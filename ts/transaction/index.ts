/**
 * Transactions: reads of one moment and writes, as one commit that is made if nothing has come in between.
 *
 * @module
 */

export { type BeginOptions, beginSettings, type IsolationOptions, type TransactionOptions } from './options.js';
export { conflict, pause, runTransaction } from './run.js';
export { State } from './state.js';
export { Transaction, type TransactionRangeOptions } from './transaction.js';
export { Writes } from './writes.js';
