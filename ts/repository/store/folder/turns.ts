/**
 * One at a time, among all processes of a machine: by a lock file that the operating system gives back when its holder
 * ends, so that a kill at any moment leaves nothing to be cleaned up, and nobody has to guess whether a holder lives.
 *
 * @module
 */

import { setTimeout } from 'node:timers/promises';
import { CoppiceError } from '../../../errors.js';
import { lockFile } from '../../../native/index.js';
import { storeError } from '../failures.js';

/** A turn takes a fraction of a millisecond, so that whoever holds one so long has been stopped. */
const WAIT_MS_MAX = 30_000;
const PAUSE_MS_MAX = 16;

export class Turns {
  readonly #path: string;
  #last: Promise<unknown> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
  }

  /** Runs `work` when it is its turn. Those of one store come in the order of the calls. */
  take<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(async () => {
      const giveBack = await this.#lock();
      try {
        return await work();
      } finally {
        giveBack();
      }
    });
    this.#last = turn.catch(() => {});
    return turn;
  }

  // Nothing tells when another process gives a lock back, short of a thread that waits for it and cannot be called off.
  async #lock(): Promise<() => void> {
    const began = performance.now();
    for (let pauseMs = 1; ; pauseMs = Math.min(2 * pauseMs, PAUSE_MS_MAX)) {
      try {
        return lockFile(this.#path);
      } catch (error) {
        if (!(error instanceof CoppiceError) || error.code !== 'COPPICE_LOCKED') throw error;
        if (performance.now() - began > WAIT_MS_MAX) throw this.#held(error);
      }
      await setTimeout(pauseMs * Math.random());
    }
  }

  #held(cause: CoppiceError): CoppiceError {
    const holder = /process \d+/.exec(cause.message)?.[0] ?? 'another process';
    const message = `${holder} has held ${this.#path} for ${WAIT_MS_MAX / 1000} s: let it go on, or end it`;
    return storeError(message, { reason: 'busy', outcome: 'refused', retry: true, cause });
  }
}
