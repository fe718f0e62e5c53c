/**
 * Opening a database with the options of K4.
 *
 * @module
 */

import type { Database } from '../database.js';
import type { Decoded, KeyEncoding, ValueEncoding } from '../encoding/index.js';
import { CoppiceError, invalid } from '../errors.js';
import { MEMORY_BYTES_DEFAULT } from '../limits.js';
import { type OpenOptions, open } from '../open.js';
import { boolean, checkNames, integer, names } from '../options/check.js';
import { OPEN_OPTIONS } from '../options/open.js';
import { K4 } from './k4.js';
import { type K4Logger, startLog } from './log.js';

/** Options of `open` that K4 has a name of its own for. */
type Renamed = 'memtableBytes' | 'compression' | 'memtable';

/** K4's own options, and those of `open` that K4 has no name for. Each may be left out, and may differ at each open. */
export interface K4Options<K extends KeyEncoding = 'utf8', V extends ValueEncoding = 'utf8'>
  extends Omit<OpenOptions<K, V>, Renamed> {
  /**
   * How many bytes a memtable takes before it is flushed, with what the list needs for them: 256 KiB to 256 MiB. While it is
   * being flushed others take the writes, so that there may be four; `memoryBytes` is 32 MiB more than these unless it is given.
   * Default: an eighth of `memoryBytes`.
   */
  memtableFlushThreshold?: number;
  /**
   * Merges everything down each so many seconds, if something was flushed meanwhile. Default: never, because compaction begins
   * by itself when it is worth it.
   */
  compactionInterval?: number;
  /**
   * Tells what the database does: opening, recovery, flushes, compactions, waits, errors, its end. `true`: in the file `.log` of
   * its folder, a line each, with the time; it grows until somebody removes it. Or a function that gets each line. Default false.
   */
  logging?: boolean | K4Logger;
  /** Whether pages of tables are compressed, where that saves an eighth. What is there stays readable. Default true. */
  compress?: boolean;
  /** The levels that the skip list of a memtable has at most: 1 to 16. Default 8; K4's was 12. */
  maxLevel?: number;
  /** The probability that a node of it has the next level, above 0 and below 1. Default 1/16; K4's was 1/4. */
  probability?: number;
}

const RENAMED: readonly string[] = ['memtableBytes', 'compression', 'memtable'] satisfies Renamed[];
const OWN = ['memtableFlushThreshold', 'compactionInterval', 'logging', 'compress', 'maxLevel', 'probability'];
const K4_OPTIONS = names('openK4', [...OWN, ...OPEN_OPTIONS.filter((name) => !RENAMED.includes(name))]);

const MEMTABLES = 4;
const THRESHOLD_MIN = 256 << 10;
const THRESHOLD_MAX = 256 << 20;
/** What is left of the budget for pages and filters. */
const BESIDE_MEMTABLES = MEMORY_BYTES_DEFAULT / 2;
const INTERVAL_S_MAX = 2 ** 30;

/**
 * Opens the database in a folder with K4's options, or creates one. Files of K4 itself are not read, and a folder that holds some
 * is refused.
 *
 * @throws as `open` does.
 * @example
 * ```ts
 * import { openK4 } from 'coppice/k4';
 *
 * const db = await openK4('./data', { memtableFlushThreshold: 64 << 20, compactionInterval: 3600, compress: true });
 * await db.put('a', '1', '90s');
 * await db.put('b', '2');
 * console.log(await db.greaterThan('a')); // [ [ 'b', '2' ] ]
 * await db.close();
 * ```
 */
export function openK4<const K extends KeyEncoding = 'utf8', const V extends ValueEncoding = 'utf8'>(
  directory: string,
  options?: K4Options<K, V>,
): Promise<K4<Decoded<K>, Decoded<V>>>;
export function openK4<K, V>(directory: string, options?: K4Options<KeyEncoding, ValueEncoding>): Promise<K4<K, V>>;
export async function openK4(
  directory: string,
  options: K4Options<KeyEncoding, ValueEncoding> = {},
): Promise<K4<unknown, unknown>> {
  checkNames(options, K4_OPTIONS);
  const logging = loggingOf(options);
  const database = await open<unknown, unknown>(directory, openOptions(options));
  if (logging === false) return new K4(database);
  try {
    return new K4(database, await startLog(database as Database<never, never>, logging));
  } catch (error) {
    await database.close();
    throw error;
  }
}

function loggingOf({ logging, readOnly }: K4Options<KeyEncoding, ValueEncoding>): boolean | K4Logger {
  if (typeof logging === 'function') return logging;
  const isOn = boolean(logging, 'logging', false);
  if (isOn && readOnly) throw invalid('logging', 'a function for a database that is opened with readOnly', logging);
  return isOn;
}

/** The options of `open` that say the same. */
function openOptions(given: K4Options<KeyEncoding, ValueEncoding>): OpenOptions<KeyEncoding, ValueEncoding> {
  const { memtableFlushThreshold, compactionInterval, logging, compress, maxLevel, probability, ...others } = given;
  const options: OpenOptions<KeyEncoding, ValueEncoding> = {
    ...others,
    compression: boolean(compress, 'compress', true) ? 'lz' : 'none',
    memtable: { ...(maxLevel !== undefined && { maxLevel }), ...(probability !== undefined && { probability }) },
  };
  if (memtableFlushThreshold !== undefined) {
    const one = integer(memtableFlushThreshold, 'memtableFlushThreshold', THRESHOLD_MIN, THRESHOLD_MAX);
    options.memtableBytes = MEMTABLES * one;
    options.memoryBytes ??= Math.max(MEMORY_BYTES_DEFAULT, MEMTABLES * one + BESIDE_MEMTABLES);
  }
  if (compactionInterval !== undefined) {
    if (others.compaction?.intervalMs !== undefined) {
      throw new CoppiceError('INVALID', 'give compactionInterval or compaction.intervalMs, not both', {
        details: { option: 'compactionInterval' },
      });
    }
    const intervalMs = 1_000 * integer(compactionInterval, 'compactionInterval', 1, INTERVAL_S_MAX);
    options.compaction = { ...others.compaction, intervalMs };
  }
  return options;
}
