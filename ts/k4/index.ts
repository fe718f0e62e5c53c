/**
 * `coppice/k4`: a database with the verbs and options of K4 (`guycipher/k4`), for programs that were written for it.
 *
 * @module
 */

import { Database } from '../database.js';
import { invalid } from '../errors.js';
import { K4 } from './k4.js';

export type { K4Iterator } from './iterator.js';
export type { K4, K4Limit } from './k4.js';
export type { K4Logger } from './log.js';
export { type K4Options, openK4 } from './open.js';
export type { K4Operation, K4Transaction } from './transaction.js';

/**
 * K4's verbs over a database that is open. Nothing is copied: both see the same.
 *
 * @example
 * ```ts
 * import { open } from 'coppice';
 * import { k4 } from 'coppice/k4';
 *
 * const db = k4(await open('./data'));
 * const transaction = db.beginTransaction();
 * transaction.addOperation('PUT', 'a', '1');
 * transaction.addOperation('DELETE', 'b');
 * await transaction.commit();
 * await transaction.rollback(); // as if it had never been
 * transaction.remove();
 * await db.close();
 * ```
 */
export function k4<K, V>(database: Database<K, V>): K4<K, V> {
  if (!(database instanceof Database)) throw invalid('database', 'an open database', database);
  return new K4(database);
}
