/**
 * The options of `open` that are about a store, their defaults and checks.
 *
 * @module
 */

import { CoppiceError, invalid } from '../errors.js';
import { DURATION_MS_MAX } from '../limits.js';
import { boolean, checkNames, fn, integer, names } from '../options/check.js';
import { STORE_OPTIONS } from '../options/open.js';
import type { Progress, ShellOptions } from './shell/index.js';
import type { RestoreFrom } from './source.js';
import { type ObjectStore, storeAt } from './store/index.js';

/** The options of `open` about a store. */
export interface BranchOptions {
  /**
   * Where the database lives besides its folder: a bucket or a folder by name (`s3://bucket/prefix`), or a store. What is
   * committed is shipped there, and grows back from there on an empty folder. One process writes a branch at a time: whoever
   * opens it takes it, and the one before is told so (`COPPICE_FENCED`); threads of one process share it. Of a folder that holds a database without a store
   * the branch is made, if it is not there yet (`COPPICE_EXISTS` if it is). While the store cannot be reached, an open waits
   * for it, until `signal` says that it should not. Default: none.
   *
   * @example
   * ```ts
   * import { rm } from 'node:fs/promises';
   * import { open } from 'coppice';
   *
   * const options = { store: './store', durability: 'remote' } as const;
   * const db = await open('./data-of-a-store', options);
   * await db.put('greeting', 'hello');
   * await db.close();
   * await rm('./data-of-a-store', { recursive: true });
   * const again = await open('./data-of-a-store', options);
   * console.log(await again.get('greeting')); // hello
   * await again.close();
   * ```
   */
  store?: ObjectStore | string;
  /** Which of the branches in the store. Default `main`. */
  branch?: string;
  /**
   * Whether to leave the branch to whoever writes it, follow it, and resolve only when that one has given it up or has shown
   * no sign of life for 30 s; and to show signs of life, one request each 10 s, so that others can stand by. Default false.
   */
  standby?: boolean;
  /** When checkpoints are published, and which older ones are kept; see `CheckpointPolicy`. */
  checkpoint?: StoreCheckpoints;
  /**
   * How many bytes of log may be on this disk only, while the store cannot be reached or is slower than what is written.
   * From half of it on writes resolve later and later, by up to 100 ms each; at it they reject with `COPPICE_BUSY`, and
   * nothing is written, until the store has caught up. Counted by whole files of the log, of up to 64 MiB: give at least
   * some of those; at least 1 MiB. Reads go on. Default 1 GiB.
   */
  unshippedBytesMax?: number;
  /**
   * How often a replica (`readOnly` with `store`) or a standby that has read everything looks for more, in milliseconds, at
   * least 10. Each look is two small requests. Default 1,000.
   */
  pollMs?: number;
  /**
   * What a database begins with that is opened in an empty folder: a copy of a branch of a store, as it is or as it was. It
   * is made once; where there is a database already, or the branch that is to be made of it, this says nothing. Without the
   * option `store` the copy belongs to no store, with it the copy is the first content of the branch. Default: none.
   *
   * @example
   * ```ts
   * import { open } from 'coppice';
   *
   * const db = await open('./data-of-shop', { store: './store-of-shop', durability: 'remote' });
   * const { revision } = await db.put('price', '10');
   * await db.put('price', '12');
   * const past = await open('./data-of-past', { store: './store-of-shop', branch: 'past', restore: { revision } });
   * console.log(await past.get('price')); // 10
   * await past.close();
   * await db.close();
   * ```
   */
  restore?: RestoreFrom;
  /**
   * Called now and then while the database grows back: with the `bytes` of `tables` that are here, and the `objects` of
   * the `log` that have been read, as far as it is known how many there are. While a database that was there before goes
   * into the store: with the `bytes` of the `checkpoint` that are there. While the store cannot be reached: with the phase
   * `waiting` and `why`, each time that it was tried in vain. What it throws is an uncaught exception.
   *
   * @example
   * ```ts
   * import { open } from 'coppice';
   *
   * const db = await open('./data-that-grows-back', {
   *   store: './store',
   *   onProgress: ({ phase, done, total, unit }) => console.log(`${phase}: ${done} of ${total} ${unit}`),
   * });
   * await db.close();
   * ```
   */
  onProgress?: (progress: Progress) => void;
}

/** When checkpoints are published, and which are kept. */
export interface StoreCheckpoints {
  /** After so many bytes of log. Default 64 MiB. */
  everyBytes?: number;
  /** After so many objects of log. Default 256. */
  everySlots?: number;
  /** So many besides the newest are kept, with the log from them on. Default 2. */
  keep?: number;
  /** And whatever is needed to read any moment of the last so many milliseconds. Default one hour. */
  keepMs?: number;
}

/** The same, checked and complete. */
export interface Branching {
  readonly shell: Pick<
    ShellOptions,
    | 'store'
    | 'branch'
    | 'mode'
    | 'policy'
    | 'checkpoint'
    | 'unshippedBytesMax'
    | 'lingerMs'
    | 'renewMs'
    | 'pollMs'
    | 'takeoverMs'
    | 'shipsFirst'
    | 'onProgress'
  >;
  /** Whether commits are seen as soon as they are applied, or only once they are in the store. */
  readonly replicated: 'applied' | 'raised';
  /** What all threads have to agree on that have the folder open. */
  readonly agreement: Agreement;
}

/** By the names of options. */
export type Agreement = Readonly<Record<string, unknown>>;

const CHECKPOINT = names('checkpoint', ['everyBytes', 'everySlots', 'keep', 'keepMs']);
const BRANCH_BYTES_MAX = 60;
const EVERY_BYTES = 64 << 20;
const EVERY_SLOTS = 256;
const KEEP = 2;
const KEEP_MAX = 100;
const KEEP_MS = 3_600_000;
/** Where nobody waits for the store, what gathers in so long shares a request. */
const LINGER_MS = 1_000;
const RENEW_MS = 10_000;
const TAKEOVER_MS = 30_000;
const POLL_MS = 1_000;
const UNSHIPPED_BYTES_MAX = 1 << 30;
const UNSHIPPED_BYTES_MAX_MIN = 1 << 20;
const POLL_MS_MIN = 10;
const POLL_MS_MAX = 3_600_000;

/** What the options say; `undefined` without a store. */
export function branching(
  options: BranchOptions,
  { isRemote, readOnly }: { readonly isRemote: boolean; readonly readOnly: boolean },
): Branching | undefined {
  const { store, branch = 'main', standby, checkpoint = {}, pollMs = POLL_MS } = options;
  const { unshippedBytesMax = UNSHIPPED_BYTES_MAX, onProgress } = options;
  // A copy comes from a store, and need not go to one.
  const ofCopies = options.restore === undefined ? [] : ['restore', 'onProgress'];
  const given = (name: string) => options[name as keyof BranchOptions] !== undefined && !ofCopies.includes(name);
  const withoutStore = STORE_OPTIONS.find(given);
  if (store === undefined) {
    if (withoutStore === undefined) return undefined;
    throw new CoppiceError('INVALID', `option "${withoutStore}" is for databases with a store`, {
      details: { option: withoutStore },
    });
  }
  const ofWriters = (['standby', 'checkpoint', 'unshippedBytesMax'] as const).find(
    (name) => options[name] !== undefined,
  );
  if (readOnly && ofWriters !== undefined) {
    throw new CoppiceError('INVALID', `option "${ofWriters}" is not for databases with readOnly: they only follow`, {
      details: { option: ofWriters },
    });
  }
  const stands = boolean(standby, 'standby', false);
  const shell: Branching['shell'] = {
    store: storeOf(store),
    branch: branchName(branch),
    mode: readOnly ? 'replica' : stands ? 'standby' : 'writer',
    ...checkpoints(checkpoint),
    unshippedBytesMax: integer(
      unshippedBytesMax,
      'unshippedBytesMax',
      UNSHIPPED_BYTES_MAX_MIN,
      Number.MAX_SAFE_INTEGER,
    ),
    lingerMs: isRemote ? 0 : LINGER_MS,
    renewMs: stands ? RENEW_MS : null,
    pollMs: integer(pollMs, 'pollMs', POLL_MS_MIN, POLL_MS_MAX),
    takeoverMs: TAKEOVER_MS,
    shipsFirst: isRemote,
    onProgress: onProgress === undefined ? undefined : fn(onProgress, 'onProgress'),
  };
  const { policy, checkpoint: every, unshippedBytesMax: bytesMax } = shell;
  const agreement: Agreement = {
    store: shell.store.location,
    branch: shell.branch,
    durability: isRemote,
    standby: stands,
    checkpoint: { ...every, ...policy },
    unshippedBytesMax: bytesMax,
  };
  return { shell, replicated: isRemote || readOnly ? 'raised' : 'applied', agreement };
}

/** The store that an option names. */
export function storeOf(store: unknown): ObjectStore {
  if (typeof store === 'string') return storeAt(store);
  const calls = ['get', 'head', 'put', 'list', 'del'];
  const isStore = typeof store === 'object' && store !== null;
  if (isStore && calls.every((call) => typeof (store as Record<string, unknown>)[call] === 'function')) {
    return store as ObjectStore;
  }
  throw invalid('store', 'the name of a store, or an object with get, head, put, list and del', store);
}

export function branchName(branch: unknown): string {
  // Names with this sign are given to branches that others have replaced.
  const isName = typeof branch === 'string' && branch !== '' && branch.isWellFormed() && !branch.includes('~');
  if (isName && Buffer.byteLength(branch) <= BRANCH_BYTES_MAX) return branch;
  throw invalid('branch', `a name of at most ${BRANCH_BYTES_MAX} bytes, without "~"`, branch);
}

function checkpoints(options: StoreCheckpoints): Pick<ShellOptions, 'policy' | 'checkpoint'> {
  checkNames(options, CHECKPOINT);
  const { everyBytes = EVERY_BYTES, everySlots = EVERY_SLOTS, keep = KEEP, keepMs = KEEP_MS } = options;
  return {
    policy: {
      keep: integer(keep, 'checkpoint.keep', 0, KEEP_MAX),
      retainMs: integer(keepMs, 'checkpoint.keepMs', 0, DURATION_MS_MAX),
    },
    checkpoint: {
      everyBytes: integer(everyBytes, 'checkpoint.everyBytes', 1, Number.MAX_SAFE_INTEGER),
      everySlots: integer(everySlots, 'checkpoint.everySlots', 1, Number.MAX_SAFE_INTEGER),
    },
  };
}
