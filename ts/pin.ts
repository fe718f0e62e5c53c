/**
 * Which state a read sees: the newest, or the one that a snapshot pinned.
 *
 * @module
 */

import { throwIfAborted } from './abort.js';
import { CoppiceError, closed, invalid } from './errors.js';
import type { Handle } from './handle.js';
import { checkNames, names, revision, signal } from './options/check.js';

/** A snapshot of this database, for the `snapshot` option of a read; see `Database.snapshot`. */
export interface AnySnapshot {
  readonly revision: number;
  /** Lets go of what it sees. */
  close(): void;
}

/** What a read sees. */
export interface ReadOptions {
  /** Reads what this snapshot of the database sees. Default: the newest state. */
  snapshot?: AnySnapshot;
  /**
   * Reads the database as it was right after this revision; of a database with history (see `OpenOptions.history`). What
   * had expired by then is there: deadlines hide nothing of the past. Not together with `snapshot`, nor on a snapshot.
   *
   * `COPPICE_COMPACTED` if it was trimmed, with the oldest that can be read; `COPPICE_FUTURE_REVISION` if it is yet to come;
   * `COPPICE_UNSUPPORTED` without history.
   */
  at?: number | bigint;
  /** Gives up with `COPPICE_ABORTED`. */
  signal?: AbortSignal;
}

/** What a reader of a handle sees. */
export class Pin {
  readonly handle: Handle;
  /** Stands there for one read alone, and only while that is begun. */
  readonly #at: number | undefined;
  #number: number;

  constructor(handle: Handle, number: number, at?: number) {
    this.handle = handle;
    this.#at = at;
    this.#number = number;
    if (number > 0) abandoned.register(this, { handle, number }, this);
  }

  /** What the engine takes: 0 for the newest state. Throws `COPPICE_CLOSED` after `release`. */
  number(): number {
    if (this.#number < 0) throw closed('snapshot');
    if (this.#at !== undefined && this.#number === 0) this.#number = this.handle.live().snapshotAt(this.#at);
    return this.#number;
  }

  /** The read has begun, or failed to: what goes on without this thread holds what it needs by now. */
  done(): void {
    if (this.#at === undefined || this.#number === 0) return;
    letGo(this.handle, this.#number);
    this.#number = 0;
  }

  release(): void {
    if (this.#number > 0) {
      abandoned.unregister(this);
      letGo(this.handle, this.#number);
    }
    this.#number = -1;
  }
}

/** Snapshots that were dropped without being closed. Nothing that reads one lets go of its pin before that. */
const abandoned = new FinalizationRegistry<{ handle: Handle; number: number }>(({ handle, number }) => {
  letGo(handle, number);
});

/** A closed database has let go of its snapshots itself. */
function letGo(handle: Handle, number: number): void {
  if (handle.status === 'open') handle.engine.releaseSnapshot(number);
}

const pins = new WeakMap<object, Pin>();

/** Says what a snapshot pinned. */
export function registerPin(snapshot: AnySnapshot, pin: Pin): void {
  pins.set(snapshot, pin);
}

const READ = names('a read', ['snapshot', 'at', 'signal']);

/** Checks the options of a read; answers what it sees. */
export function pinOf(options: ReadOptions, otherwise: Pin): Pin {
  checkNames(options, READ);
  return pinned(options, otherwise);
}

/** `pinOf` for options whose names were checked. */
export function pinned(options: ReadOptions, otherwise: Pin): Pin {
  if (options.signal !== undefined) throwIfAborted(signal(options.signal), 'the read');
  if (options.at !== undefined) return pinAt(options, otherwise);
  if (options.snapshot === undefined) return otherwise;
  const pin = pins.get(options.snapshot);
  if (pin?.handle === otherwise.handle) return pin;
  throw invalid('snapshot', 'a snapshot of this database', options.snapshot);
}

function pinAt({ at, snapshot }: ReadOptions, otherwise: Pin): Pin {
  if (snapshot !== undefined || otherwise.number() !== 0) {
    throw new CoppiceError('INVALID', 'at and a snapshot each say what is read: give one of them', {
      details: { option: 'at' },
    });
  }
  return new Pin(otherwise.handle, 0, revision(at, 'at'));
}
