/**
 * What differs between two moments, fetched piece by piece on other threads.
 *
 * @module
 */

import { closed } from '../errors.js';
import type { ChangeByTask } from './addon.js';
import type { Environment } from './environment.js';
import { foundEntry } from './found.js';
import { flagsOf } from './rows.js';
import type { ChangedEntry, Changes, ChangesOptions, DiffEnd } from './types.js';

/** About so much at a time. */
const PIECE_BYTES = 1 << 20;

export class NativeChanges implements Changes {
  readonly #environment: Environment;
  readonly #opening: Promise<number>;
  #isClosed = false;

  constructor(environment: Environment, before: DiffEnd, after: DiffEnd, options: ChangesOptions) {
    const { lower, upper } = options;
    const { addon } = environment;
    const flags = flagsOf(options);
    this.#environment = environment;
    const { handle, snapshot } = after;
    const started = addon.diffOpen(handle, flags, snapshot, before.handle, before.snapshot, lower, upper);
    this.#opening = environment.task<number>(started);
    this.#opening.then(
      (diff) => {
        if (this.#isClosed) addon.diffClose(diff);
        else abandoned.register(this, { environment, diff }, this);
      },
      () => {},
    );
  }

  async next(): Promise<readonly ChangedEntry[]> {
    const diff = await this.#opening;
    if (this.#isClosed) throw closed('diff');
    const found = await this.#environment.task<ChangeByTask[]>(this.#environment.addon.diffNext(diff, PIECE_BYTES));
    return found.map(({ key, before, after }) => ({
      key,
      before: before && foundEntry(before.value!, before),
      after: after && foundEntry(after.value!, after),
    }));
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    abandoned.unregister(this);
    this.#opening.then(
      (diff) => this.#environment.addon.diffClose(diff),
      () => {},
    );
  }
}

interface Abandoned {
  environment: Environment;
  diff: number;
}

/** Those that were dropped without being closed or read to the end. */
const abandoned = new FinalizationRegistry<Abandoned>(({ environment, diff }) => {
  environment.addon.diffClose(diff);
});
