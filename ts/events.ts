/**
 * What a database tells without being asked.
 *
 * Listeners run on the thread of the handle. What one throws does not reach the write or the engine that caused the
 * event: it is thrown on its own, as an uncaught exception.
 *
 * @module
 */

import { type CoppiceError, invalid } from './errors.js';
import type { LeftOut } from './native/types.js';
import { fn } from './options/check.js';
import { uncaught } from './uncaught.js';

/** Events by name, with what their listeners get. */
export interface Events {
  /** A commit of this handle was applied (it may not be durable yet). */
  write: { revision: number; ops: number };
  /** Writes found the memory full and waited so long. */
  stall: { ms: number; reason: string };
  /** Work in the background begins, or ends in whatever way. `segment`: the next segment of the log is made
   * ready, or taken into use until that is synced. Work of one kind may overlap. */
  background: { work: 'flush' | 'compaction' | 'segment'; phase: 'begin' | 'end' };
  /** A memtable was written to a table. */
  flush: { bytes: number; ms: number };
  /** Tables were merged into `level`. */
  compaction: { level: number; readBytes: number; wroteBytes: number; ms: number };
  /** Everything up to a revision is in the store; of a replica: and can be read here. */
  replicated: { revision: number };
  /** A checkpoint was completed, in a folder or in the store. */
  checkpoint: { revision: number; tables: number; bytes: number; at: Date; location: string };
  /** A round of `scrub` has read everything (see `OpenOptions.scrub`). */
  scrub: {
    ok: boolean;
    checkedBytes: number;
    problems: { file: string; offset: number; what: string }[];
    repaired?: string[];
  };
  /**
   * The log was replayed at open: records found, and bytes of a torn end that were cut. Comes right after `open`.
   * `leftOut`: with `recovery: 'point-in-time'`, what was damaged and is therefore not in the database.
   */
  recovered: { records: number; tornBytes: number; leftOut?: LeftOut };
  /** Something failed in the background. Writes that it concerns reject with the same error, by themselves. */
  error: CoppiceError;
}

const NAMES: readonly string[] = [
  'write',
  'stall',
  'background',
  'flush',
  'compaction',
  'replicated',
  'checkpoint',
  'scrub',
  'recovered',
  'error',
];

type Listener = (event: never) => void;

export class Emitter {
  readonly #listeners = new Map<string, readonly Listener[]>();
  /** Whether anyone listens for `write`: the only event that a hot path could emit. */
  hearsWrites = false;

  on<E extends keyof Events>(name: E, listener: (event: Events[E]) => void): void {
    if (!NAMES.includes(name)) throw invalid('event', `one of ${NAMES.join(', ')}`, name);
    this.#set(name, [...(this.#listeners.get(name) ?? []), fn(listener, 'listener')]);
  }

  off<E extends keyof Events>(name: E, listener: (event: Events[E]) => void): void {
    const listeners = this.#listeners.get(name) ?? [];
    const last = listeners.lastIndexOf(listener);
    if (last !== -1) this.#set(name, listeners.toSpliced(last, 1));
  }

  emit<E extends keyof Events>(name: E, event: Events[E]): void {
    for (const listener of this.#listeners.get(name) ?? []) {
      try {
        (listener as (event: Events[E]) => void)(event);
      } catch (thrown) {
        uncaught(thrown);
      }
    }
  }

  #set(name: string, listeners: readonly Listener[]): void {
    this.#listeners.set(name, listeners);
    if (name === 'write') this.hearsWrites = listeners.length > 0;
  }
}
