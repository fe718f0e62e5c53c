/**
 * Making a sound database of what is left of a damaged one.
 *
 * @module
 */

import { resolve } from 'node:path';
import { type SalvageLoss, type SalvageResult, salvage as salvageNative } from './native/index.js';
import { checkNames, fn, names } from './options/check.js';
import { type EncryptionOptions, keysOf } from './options/encryption.js';
import { checkPath } from './options/open.js';
import type { Progress } from './upkeep.js';

export type { SalvageLoss };

/** How a damaged database is read. */
export interface SalvageOptions {
  /** Called now and then with the bytes of tables that were read so far. */
  onProgress?: (progress: Progress) => void;
  /** Of an encrypted database, as for `open`: the new one is encrypted with the current key. */
  encryption?: EncryptionOptions;
}

/** What a salvage found, and what it did not. */
export interface SalvageReport {
  /** Whether everything that was there could be read. */
  complete: boolean;
  /** The newest commit of which anything is known. */
  revision: number;
  /** Keys in the new database, and its tables with their bytes. */
  keys: number;
  tablesWritten: number;
  bytesWritten: number;
  /** Tables of which something could be read, and those of which nothing could; pages likewise. */
  tablesRead: number;
  tablesLost: number;
  pagesRead: number;
  pagesLost: number;
  /** Log records that were used. The others are in tables. */
  recordsKept: number;
  /** Every place that could not be read: what was wrong, and between which keys something is missing or may be old. */
  lost: SalvageLoss[];
  /** What else is to be known of the result, a sentence each. */
  notes: string[];
  /** The folder of the new database, as an absolute path. */
  location: string;
}

const SALVAGE = names('salvage', ['onProgress', 'encryption']);

/**
 * Copies what is readable in the folder of a damaged database into a new one, and says what was not. The damaged folder
 * is not changed. It may lack its manifest or `CURRENT`, and any of its other files; a folder `left-out-...`, which an
 * open with `recovery: 'point-in-time'` has made, will do as well.
 *
 * Of each key the newest version that can be read is kept, with its revision and its deadline, so a delete that can be
 * read stays one. Where the newest version of a key was lost an older one may be found: `lost` says between which keys.
 *
 * @param from The damaged folder. Nothing may have it open.
 * @param to A folder that is absent or empty.
 * @throws `COPPICE_NOT_FOUND` if there is no file of a database in `from`; `COPPICE_LOCKED` if it is open; `COPPICE_EXISTS`
 * if `to` is not empty; `COPPICE_DISK_FULL`, `COPPICE_IO` for what happens to `to`, which is then left empty.
 * @example
 * ```ts
 * import { rm } from 'node:fs/promises';
 * import { open, salvage } from 'coppice';
 *
 * const db = await open('./data');
 * await db.close();
 * await rm('./rescued', { recursive: true, force: true });
 * const { keys, complete, lost } = await salvage('./data', './rescued');
 * console.log(complete ? `all ${keys} keys are there` : lost);
 * ```
 */
export async function salvage(from: string, to: string, options: SalvageOptions = {}): Promise<SalvageReport> {
  checkNames(options, SALVAGE);
  const onProgress = options.onProgress === undefined ? undefined : fn(options.onProgress, 'onProgress');
  const progress = (done: number, total: number) => onProgress?.({ phase: 'salvage', done, total, unit: 'bytes' });
  const location = resolve(checkPath(to, 'to'));
  const result: SalvageResult = await salvageNative(
    resolve(checkPath(from, 'from')),
    location,
    await keysOf(options.encryption),
    onProgress === undefined ? undefined : progress,
  );
  return { complete: result.lost.length === 0, ...result, location };
}
