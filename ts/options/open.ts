/**
 * The options of `open`, their defaults and checks.
 *
 * @module
 */

import { type Codec, type KeyEncoding, keyCodec, type ValueEncoding, valueCodec } from '../encoding/index.js';
import { CoppiceError, invalid } from '../errors.js';
import { DURATION_MS_MAX, MEMORY_BYTES_DEFAULT, MEMORY_BYTES_MIN } from '../limits.js';
import type { EngineOptions } from '../native/types.js';
import { boolean, checkNames, integer, names, oneOf, signal } from './check.js';
import type { Duration } from './duration.js';
import type { EncryptionOptions } from './encryption.js';
import { type ScrubOptions, scrubOptions } from './scrub.js';
import { type Durability, durability } from './write.js';

/**
 * How a database is opened. Everything has a default; an unknown name or a wrong value is refused with an error that
 * names it. Encodings belong to the handle, not to the database; every other option may differ at each open.
 */
export interface FolderOptions<K extends KeyEncoding = 'utf8', V extends ValueEncoding = 'utf8'> {
  /** How keys become bytes; must keep order. Default `utf8`. */
  keyEncoding?: K;
  /** How values become bytes. Default `utf8`. */
  valueEncoding?: V;
  /** Whether to create a database where there is none, else `COPPICE_NOT_FOUND`. Default true. */
  createIfMissing?: boolean;
  /** Whether an existing database is refused with `COPPICE_EXISTS`. Default false. */
  errorIfExists?: boolean;
  /**
   * Whether every past version is kept until it is trimmed (`Database.trim`, or `retain`): reads `at` any revision,
   * `history(key)`, the version and create revision of entries. Fixed when the database is created; opening an existing one
   * with the other setting is refused. Costs a look at what there was for each put, and the room of what is kept. Default:
   * as the database is, and without history for a new one.
   *
   * @example
   * ```ts
   * import { open } from 'coppice';
   *
   * const db = await open('./data-with-history', { history: true, retain: { revisions: 1_000_000, ms: 86_400_000 } });
   * const { revision } = await db.put('greeting', 'hello');
   * await db.put('greeting', 'good morning');
   * console.log(await db.get('greeting', { at: revision })); // hello
   * await db.close();
   * ```
   */
  history?: boolean;
  /**
   * With history: what is kept for sure, while everything older is trimmed now and then as writes go on, or when time has
   * passed. `revisions`: so many of the newest. `ms`: every state that was the newest one so many milliseconds ago or later.
   * With both, what either keeps. Default: history stays until `trim`.
   */
  retain?: { revisions?: number; ms?: number };
  /**
   * Opens without changing a byte; every write is refused with `COPPICE_READONLY`. Default false.
   *
   * With a `store` it opens a *replica*: the folder holds a copy of the branch that follows whoever writes it, from the store
   * alone, to which nothing is written. It opens when it holds what the branch held then, is read like any other, shows
   * only whole commits, and gets newer by itself: `repository().behindMs` says how old it may be, the event
   * `replicated` when it has got further, `waitFor(revision)` waits for that. Any number of them may follow.
   */
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
   * by crash or kill. `disk`: also the loss of power; writes that wait together share one sync. `remote`, which needs a
   * `store`: also the loss of the disk and of the machine; nobody reads a write before that, and none may ask for less.
   * Default `disk`.
   */
  durability?: Durability;
  /** One budget for memtables, page cache and filters, in bytes; at least 16 MiB. Default 64 MiB. */
  memoryBytes?: number;
  /**
   * How much of the budget memtables take: four of a quarter each, of which one takes writes until it is full and is then
   * flushed. Default: half of the budget.
   */
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
  /**
   * Values of at least this many bytes are moved into files of their own when they are flushed, so that compactions need
   * not copy them: worth it for values of kilobytes that are overwritten or sorted in again and again. 0 or `Infinity`
   * keeps every value up to 1 MiB beside its key; longer ones always have files of their own. Default 4 KiB.
   */
  blobBytes?: number;
  /** The memtable's skip list: levels at most (1 to 16) and the probability of a node's next level. Default 8 and 1/16. */
  memtable?: { maxLevel?: number; probability?: number };
  /** The filter that says which page of a table may hold a key. Default `auto`. */
  filter?: 'auto' | 'cuckoo' | 'none';
  /** How tables are merged in the background, on threads of their own; see `CompactionOptions`. */
  compaction?: CompactionOptions;
  /**
   * Reads every file again and again in the background and checks it, so that damage is known before the data are needed; with
   * a `store`, damaged tables are put right from it (see `verify`). Each round ends with the event `scrub`. `bytesPerSecond`: no
   * faster, at least 65,536; default 4 MiB. `pause` between two rounds, and before the first; default an hour. Default: no scrub.
   *
   * @example
   * ```ts
   * import { open } from 'coppice';
   *
   * const db = await open('./data', { scrub: { bytesPerSecond: 1 << 20, pause: '6h' } });
   * db.on('scrub', ({ ok, problems }) => ok || console.error(problems));
   * await db.close();
   * ```
   */
  scrub?: boolean | { bytesPerSecond?: number; pause?: Duration };
  /** What is written but nobody waits for is synced at most this many milliseconds later. Default 1,000. */
  syncIntervalMs?: number;
  /**
   * Encrypts every file, with AES-256-GCM. Chosen when the database is created; from then on it opens only with the key
   * it was encrypted with: `COPPICE_ENCRYPTED` without one, `COPPICE_WRONG_ENCRYPTION_KEY` with another. To change the key
   * open with the new one and the old one under `previous`: new files get the new one, and `compact()` rewrites all others.
   * What is protected and what is not: docs/encryption.md. Default: none.
   *
   * @example
   * ```ts
   * import { randomBytes } from 'node:crypto';
   * import { open } from 'coppice';
   *
   * const key = randomBytes(32);
   * const db = await open('./data-encrypted', { encryption: { key } });
   * await db.put('secret', 'value');
   * await db.close();
   *
   * const next = randomBytes(32);
   * const again = await open('./data-encrypted', { encryption: { key: next, previous: [key] } });
   * await again.compact();
   * console.log(again.stats().encryption?.keys.length); // 1
   * await again.close();
   * ```
   */
  encryption?: EncryptionOptions;
  /** Gives up opening. */
  signal?: AbortSignal;
}

/**
 * How tables are merged. Nothing here changes what is read or kept, only what it costs; each may differ at each open.
 *
 * What was deleted or has expired leaves the disk by itself with either policy, within a minute of quiet and without a
 * call, unless an open snapshot still reads it.
 *
 * @example
 * ```ts
 * import { open } from 'coppice';
 *
 * const db = await open('./data', { compaction: { policy: 'paired', threads: 2, bytesPerSecond: 50e6 } });
 * await db.put('written', 'once or twice');
 * await db.close();
 * ```
 */
export interface CompactionOptions {
  /**
   * `levelled`: each level many times the one above, so that ranges meet few tables and little room is wasted. `paired`:
   * two runs that are adjacent in age merge when their sizes are less than a factor of two apart: the least writing, but
   * more runs to read and up to twice the room. Default `levelled`.
   */
  policy?: 'levelled' | 'paired';
  /** Merges at once, and parts of a large one: 1 to 16. Default: one less than the machine has cores, at least 1. */
  threads?: number;
  /**
   * Bytes a second that flushes and compactions together may write, at least 65,536. Only compactions wait for it, so that
   * a limit too low makes writes wait in the end. Default: no limit.
   */
  bytesPerSecond?: number;
  /**
   * Merges everything down to one run each so many milliseconds, at least 1,000, if something was flushed meanwhile.
   * Default: never, because compaction begins by itself when it is worth it.
   */
  intervalMs?: number;
}

/** Options of `open`, checked and complete. */
export interface Opening {
  readonly engine: EngineOptions;
  readonly keys: Codec<unknown>;
  readonly values: Codec<unknown>;
  readonly durability: Durability;
  readonly scrub: ScrubOptions | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Options about a store, which are checked by those whose they are. */
export const STORE_OPTIONS: readonly string[] = [
  'store',
  'branch',
  'standby',
  'checkpoint',
  'unshippedBytesMax',
  'pollMs',
  'restore',
  'onProgress',
];

const OPEN = names(
  'open',
  [
    'keyEncoding',
    'valueEncoding',
    'createIfMissing',
    'errorIfExists',
    'readOnly',
    'history',
    'retain',
    'recovery',
    'durability',
    'memoryBytes',
    'memtableBytes',
    'cacheBytes',
    'maxDiskBytes',
    'compression',
    'blobBytes',
    'memtable',
    'filter',
    'compaction',
    'syncIntervalMs',
    'encryption',
    'scrub',
    'signal',
    ...STORE_OPTIONS,
  ],
  ['log', 'collect'],
);
/** For those who take options of others as well. */
export const OPEN_OPTIONS: readonly string[] = [...OPEN.known];

const RETAIN = names('retain', ['revisions', 'ms']);
const MEMTABLE = names('memtable', ['maxLevel', 'probability']);
const COMPACTION = names('compaction', ['policy', 'threads', 'bytesPerSecond', 'intervalMs']);
const COMPACTION_THREADS_MAX = 16;
const COMPACTION_BYTES_PER_SECOND_MIN = 65_536;
const COMPACTION_INTERVAL_MS_MIN = 1_000;
const COMPACTION_INTERVAL_MS_MAX = 2 ** 40;
const MEMTABLE_MAX_LEVEL_DEFAULT = 8;
const MEMTABLE_PROBABILITY_DEFAULT = 1 / 16;
const BLOB_BYTES_DEFAULT = 4_096;
const SYNC_INTERVAL_MS_DEFAULT = 1_000;
const SYNC_INTERVAL_MS_MAX = 3_600_000;
const BYTES_MAX = Number.MAX_SAFE_INTEGER;

/** Checks a path and makes no use of it. */
export function checkPath(path: unknown, what = 'path'): string {
  if (typeof path === 'string' && path.length > 0 && !path.includes('\0')) return path;
  throw invalid(what, 'the name of a folder (a string that is not empty and holds no zero character)', path);
}

/** Checks the options of `open` and fills in what is absent. */
export function resolveOpen(options: FolderOptions<KeyEncoding, ValueEncoding>): Opening {
  checkNames(options, OPEN);
  return {
    engine: engineOptions(options),
    keys: keyCodec(or(options.keyEncoding, 'utf8')),
    values: valueCodec(or(options.valueEncoding, 'utf8')),
    durability: durability(options.durability, { usual: 'disk', hasStore: 'store' in options }),
    scrub: scrubOptions(options.scrub),
    signal: options.signal === undefined ? undefined : signal(options.signal),
  };
}

function engineOptions(options: FolderOptions<KeyEncoding, ValueEncoding>): EngineOptions {
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
    history: options.history === undefined ? undefined : boolean(options.history, 'history', false),
    retain: retain(or(options.retain, {}), options.history),
    recovery: oneOf(or(options.recovery, 'strict'), 'recovery', ['strict', 'point-in-time']),
    memoryBytes,
    memtableBytes: share(options.memtableBytes, 'memtableBytes', memoryBytes),
    cacheBytes: share(options.cacheBytes, 'cacheBytes', memoryBytes),
    maxDiskBytes:
      options.maxDiskBytes === undefined ? undefined : integer(options.maxDiskBytes, 'maxDiskBytes', 1, BYTES_MAX),
    compression: oneOf(or(options.compression, 'lz'), 'compression', ['none', 'lz']) === 'lz',
    blobBytes:
      options.blobBytes === Number.POSITIVE_INFINITY
        ? 0
        : integer(or(options.blobBytes, BLOB_BYTES_DEFAULT), 'blobBytes', 0, BYTES_MAX),
    filter: oneOf(or(options.filter, 'auto'), 'filter', ['auto', 'cuckoo', 'none']),
    memtable: memtable(or(options.memtable, {})),
    compaction: compaction(or(options.compaction, {})),
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

function retain(options: { revisions?: number; ms?: number }, history: unknown): EngineOptions['retain'] {
  checkNames(options, RETAIN);
  if (history === false && Object.keys(options).length > 0) {
    throw new CoppiceError('INVALID', 'retain is for databases with history: true', { details: { option: 'retain' } });
  }
  return {
    retainRevisions: optional(options.revisions, 'retain.revisions', 1, BYTES_MAX),
    retainMs: optional(options.ms, 'retain.ms', 1, DURATION_MS_MAX),
  };
}

function memtable(options: { maxLevel?: number; probability?: number }): EngineOptions['memtable'] {
  checkNames(options, MEMTABLE);
  const { maxLevel = MEMTABLE_MAX_LEVEL_DEFAULT, probability = MEMTABLE_PROBABILITY_DEFAULT } = options;
  if (!(typeof probability === 'number' && probability > 0 && probability < 1)) {
    throw invalid('memtable.probability', 'a number between 0 and 1', probability);
  }
  return { maxLevel: integer(maxLevel, 'memtable.maxLevel', 1, 16), probability };
}

function compaction(options: CompactionOptions): EngineOptions['compaction'] {
  checkNames(options, COMPACTION);
  const { policy, threads, bytesPerSecond, intervalMs } = options;
  return {
    policy: oneOf(or(policy, 'levelled'), 'compaction.policy', ['levelled', 'paired']),
    threads: optional(threads, 'compaction.threads', 1, COMPACTION_THREADS_MAX),
    bytesPerSecond: optional(bytesPerSecond, 'compaction.bytesPerSecond', COMPACTION_BYTES_PER_SECOND_MIN, BYTES_MAX),
    intervalMs: optional(intervalMs, 'compaction.intervalMs', COMPACTION_INTERVAL_MS_MIN, COMPACTION_INTERVAL_MS_MAX),
  };
}

function optional(value: unknown, option: string, min: number, max: number): number | undefined {
  return value === undefined ? undefined : integer(value, option, min, max);
}
