/**
 * Telling of changes: when something was written, the state that was looked at last is compared with the present one. So nothing is missed,
 * whoever has written it, and a key that was changed several times meanwhile is told once.
 *
 * @module
 */

import type { CoppiceError } from '../errors.js';
import { Reader } from '../reader.js';
import { uncaught } from '../uncaught.js';

/** Told of each key whose value was set or removed. */
export type Tell = (event: 'update' | 'remove', key: string) => unknown;

export class Watch {
  readonly #db: Reader<string, unknown>;
  readonly #tell: Tell;
  #seen: ReturnType<typeof Reader.still<string, unknown>>;
  /** The last look at what has changed. */
  #last = Promise.resolve();
  /** Whether it is yet to begin. */
  #isWaiting = false;
  #isStopped = false;

  /** Tells from now on, until it is stopped or the database is closed. */
  constructor(db: Reader<string, unknown>, tell: Tell) {
    this.#db = db;
    this.#tell = tell;
    this.#seen = Reader.still(db);
    const events = Reader.parts(db).handle.events;
    events.on('write', this.#look);
    // What a replica has got, and what only counts once it is in the store.
    events.on('replicated', this.#look);
  }

  /** Resolves when it was told of everything that was written before. */
  get told(): Promise<void> {
    return this.#last;
  }

  stop(): void {
    this.#isStopped = true;
    const events = Reader.parts(this.#db).handle.events;
    events.off('write', this.#look);
    events.off('replicated', this.#look);
    this.#seen.release();
  }

  readonly #look = (): void => {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    this.#last = this.#last.then(async () => {
      this.#isWaiting = false;
      try {
        await this.#compare();
      } catch (error) {
        const { code } = error as CoppiceError;
        // A replica that begins again has lost what it was before: it is gone on with from what it is then.
        if (code === 'COPPICE_BUSY' || code === 'COPPICE_COMPACTED') return;
        this.stop();
        // Whoever has closed the database knows.
        if (code !== 'COPPICE_CLOSED') Reader.parts(this.#db).handle.events.emit('error', error as CoppiceError);
      }
    });
  };

  async #compare(): Promise<void> {
    if (this.#isStopped) return;
    const before = this.#seen;
    this.#seen = Reader.still(this.#db);
    try {
      for await (const { key, after } of this.#seen.reader.diff(before.reader)) {
        if (this.#isStopped) return;
        this.#say(after === undefined ? 'remove' : 'update', key);
      }
    } finally {
      before.release();
    }
  }

  #say(event: 'update' | 'remove', key: string): void {
    try {
      this.#tell(event, key);
    } catch (thrown) {
      uncaught(thrown);
    }
  }
}
