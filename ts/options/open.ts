/**
 * The options of `open`, their defaults and checks.
 *
 * @module
 */

import { type Codec, type KeyEncoding, keyCodec, type ValueEncoding, valueCodec } from '../encoding/index.js';
import { CoppiceError, invalid } from '../errors.js';
import { MEMORY_BYTES_DEFAULT, MEMORY_BYTES_MIN } from '../limits.js';
import type { EngineOptions } from '../native/types.js';
import { boolean, checkNames, integer, names, oneOf, signal } from './check.js';
import { type Durability, durability } from './write.js';

/**
 * How a database is opened. Everything has a default; an unknown name or a wrong value is refused with an error that
 * names it. Encodings belong to the handle, not to the database; every other option may differ at each open.
 */
export interface OpenOptions<K extends KeyEncoding = 'utf8', V extends ValueEncoding = 'utf8'> {
  /** How keys become bytes; must keep order. Default `utf8`. */
  keyEncoding?: K;
  /** How values become bytes. Default `utf8`. */
  valueEncoding?: V;
  /** Whether to create a database where there is none, else `COPPICE_NOT_FOUND`. Default true. */
  createIfMissing?: boolean;
  /** Whether an existing database is refused with `COPPICE_EXISTS`. Default false. */
  errorIfExists?: boolean;
  /** Opens without changing a byte; every write is refused with `COPPICE_READONLY`. Default false. */
  readOnly?: boolean;
  /**
   * What to do where the log is damaged and not only torn. `strict` refuses with `COPPICE_CORRUPT`, which names file and
   * offset, and changes nothing. `point-in-time` opens at the last whole commit before the damage; everything behind it
   * is copied to a folder `left-out-...` inside the database's folder before it is cut off, and the event `recovered`
   * names that folder, which `salvage` reads. Damage anywhere else is refused in both. Default `strict`.
   */
  recovery?: 'strict' | 'point-in-time';
  /**
   * What a write survives once its promise resolves, unless the write says otherwise. `process`: the end of the process,
   * by crash or kill. `disk`: also the loss of power; writes that wait together share one sync. Default `disk`.
   */
  durability?: Durability;
  /** One budget for memtables, page cache and filters, in bytes; at least 16 MiB. Default 64 MiB. */
  memoryBytes?: number;
  /** How much of the budget memtables take. Default: decided by the engine. */
  memtableBytes?: number;
  /** How much of the budget the page cache takes. Default: decided by the engine. */
  cacheBytes?: number;
  /**
   * Writes reject with `COPPICE_DISK_FULL` when the database has this many bytes on disk, but for those that only delete.
   * Default: no limit.
   */
  maxDiskBytes?: number;
  /** How pages are compressed: `lz` writes LZ4 blocks where they save at least an eighth. Default `lz`. */
  compression?: 'none' | 'lz';
  /** The memtable's skip list: levels at most (1 to 16) and the probability of a node's next level. Default 8 and 1/16. */
  memtable?: { maxLevel?: number; probability?: number };
  /** The filter that says which page of a table may hold a key. Default `auto`. */
  filter?: 'auto' | 'cuckoo' | 'none';
  /** What is written but nobody waits for is synced at most this many milliseconds later. Default 1,000. */
  syncIntervalMs?: number;
  /** Gives up opening. */
  signal?: AbortSignal;
}

/** Options of `open`, checked and complete. */
export interface Opening {
  readonly engine: EngineOptions;
  readonly keys: Codec<unknown>;
  readonly values: Codec<unknown>;
  readonly durability: Durability;
  readonly signal: AbortSignal | undefined;
}

const OPEN = names(
  'open',
  [
    'keyEncoding',
    'valueEncoding',
    'createIfMissing',
    'errorIfExists',
    'readOnly',
    'recovery',
    'durability',
    'memoryBytes',
    'memtableBytes',
    'cacheBytes',
    'maxDiskBytes',
    'compression',
    'memtable',
    'filter',
    'syncIntervalMs',
    'signal',
  ],
  [
    'compaction',
    'history',
    'retain',
    'store',
    'branch',
    'checkpoint',
    'restore',
    'standby',
    'log',
    'collect',
    'onProgress',
  ],
);
const MEMTABLE = names('memtable', ['maxLevel', 'probability']);
const MEMTABLE_MAX_LEVEL_DEFAULT = 8;
const MEMTABLE_PROBABILITY_DEFAULT = 1 / 16;
const SYNC_INTERVAL_MS_DEFAULT = 1_000;
const SYNC_INTERVAL_MS_MAX = 3_600_000;
const BYTES_MAX = Number.MAX_SAFE_INTEGER;

/** Checks a path and makes no use of it. */
export function checkPath(path: unknown, what = 'path'): string {
  if (typeof path === 'string' && path.length > 0 && !path.includes('\0')) return path;
  throw invalid(what, 'the name of a folder (a string that is not empty and holds no zero character)', path);
}

/** Checks the options of `open` and fills in what is absent. */
export function resolveOpen(options: OpenOptions<KeyEncoding, ValueEncoding>): Opening {
  checkNames(options, OPEN);
  return {
    engine: engineOptions(options),
    keys: keyCodec(or(options.keyEncoding, 'utf8')),
    values: valueCodec(or(options.valueEncoding, 'utf8')),
    durability: durability(options.durability, 'disk'),
    signal: options.signal === undefined ? undefined : signal(options.signal),
  };
}

function engineOptions(options: OpenOptions<KeyEncoding, ValueEncoding>): EngineOptions {
  const memoryBytes = integer(
    or(options.memoryBytes, MEMORY_BYTES_DEFAULT),
    'memoryBytes',
    MEMORY_BYTES_MIN,
    BYTES_MAX,
  );
  const readOnly = boolean(options.readOnly, 'readOnly', false);
  const errorIfExists = boolean(options.errorIfExists, 'errorIfExists', false);
  if (readOnly && errorIfExists) {
    throw new CoppiceError(
      'INVALID',
      'readOnly and errorIfExists contradict each other: only an existing database can be read',
      {
        details: { option: 'errorIfExists' },
      },
    );
  }
  return {
    createIfMissing: boolean(options.createIfMissing, 'createIfMissing', true) && !readOnly,
    errorIfExists,
    readOnly,
    recovery: oneOf(or(options.recovery, 'strict'), 'recovery', ['strict', 'point-in-time']),
    memoryBytes,
    memtableBytes: share(options.memtableBytes, 'memtableBytes', memoryBytes),
    cacheBytes: share(options.cacheBytes, 'cacheBytes', memoryBytes),
    maxDiskBytes:
      options.maxDiskBytes === undefined ? undefined : integer(options.maxDiskBytes, 'maxDiskBytes', 1, BYTES_MAX),
    compression: oneOf(or(options.compression, 'lz'), 'compression', ['none', 'lz']) === 'lz',
    filter: oneOf(or(options.filter, 'auto'), 'filter', ['auto', 'cuckoo', 'none']),
    memtable: memtable(or(options.memtable, {})),
    syncIntervalMs: integer(
      or(options.syncIntervalMs, SYNC_INTERVAL_MS_DEFAULT),
      'syncIntervalMs',
      1,
      SYNC_INTERVAL_MS_MAX,
    ),
  };
}

/** A value, or a default for an absent one; `null` is not absent but wrong. */
function or<T, D>(value: T | undefined, otherwise: D): T | D {
  return value === undefined ? otherwise : value;
}

/** A part of the memory budget. */
function share(bytes: unknown, option: string, memoryBytes: number): number | undefined {
  return bytes === undefined ? undefined : integer(bytes, option, 1 << 20, memoryBytes);
}

function memtable(options: { maxLevel?: number; probability?: number }): EngineOptions['memtable'] {
  checkNames(options, MEMTABLE);
  const { maxLevel = MEMTABLE_MAX_LEVEL_DEFAULT, probability = MEMTABLE_PROBABILITY_DEFAULT } = options;
  if (!(typeof probability === 'number' && probability > 0 && probability < 1)) {
    throw invalid('memtable.probability', 'a number between 0 and 1', probability);
  }
  return { maxLevel: integer(maxLevel, 'memtable.maxLevel', 1, 16), probability };
}
