/**
 * The log of a store: what happened to its branches.
 *
 * @module
 */

import { checkNames, names } from './options/check.js';
import { type EncryptionOptions, keysOf } from './options/encryption.js';
import { branchName, encryptedStore, type LogEvent, logOf, storeOf } from './repository/index.js';
import type { ObjectStore } from './repository/store/index.js';

/** Which events `storeLog` answers. */
export interface StoreLogOptions {
  /** Only of this branch, and of when others grew from it. Default: of all. */
  branch?: string;
  /** Of an encrypted repository, as for `open`. */
  encryption?: EncryptionOptions;
}

const LOG = names('storeLog', ['branch', 'encryption']);

/**
 * What happened to the branches in a store, the newest first: checkpoints that are kept, where branches and tags were
 * made of others, who took a branch over, what was trimmed. It is put together from what is there, and reads the log after the newest checkpoint of
 * each branch; what was collected is not in it. Nobody need have a branch open, and whoever has goes on.
 *
 * Times are those of the clocks of the writers; where only a neighbour is known, `time` says so.
 *
 * @throws `COPPICE_NOT_FOUND` if there is no such branch.
 * @example
 * ```ts
 * import { open, storeLog } from 'coppice';
 *
 * const store = './store-with-a-log';
 * const db = await open('./data-with-a-log', { store, durability: 'remote' });
 * await db.put('price', '10');
 * await db.checkpoint();
 * const branch = await db.branch('what-if');
 * await branch.close();
 * const grown = (await storeLog(store)).find(({ type }) => type === 'branch');
 * console.log(`${grown?.branch} has grown at revision ${grown?.revision}`); // what-if has grown at revision 2
 * await db.close();
 * ```
 */
export async function storeLog(store: ObjectStore | string, options: StoreLogOptions = {}): Promise<LogEvent[]> {
  checkNames(options, LOG);
  const { branch, encryption } = options;
  const place = encryptedStore(storeOf(store), await keysOf(encryption));
  return logOf(place, branch === undefined ? undefined : branchName(branch));
}
