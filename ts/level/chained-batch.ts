/**
 * Chained batches of Level.
 *
 * @module
 */

import { AbstractChainedBatch } from 'abstract-level';
import type { Batch } from '../batch.js';
import type { WriteOptions } from '../options/write.js';
import { levelError } from './errors.js';
import type { Stored } from './formats.js';

export class ChainedBatch<D, K, V> extends AbstractChainedBatch<D, K, V> {
  readonly #batch: Batch<Stored, Stored>;
  readonly #options: (options: object) => WriteOptions;

  constructor(db: D, batch: Batch<Stored, Stored>, options: (options: object) => WriteOptions) {
    super(db);
    this.#batch = batch;
    this.#options = options;
  }

  _put(key: Stored, value: Stored): void {
    this.#batch.put(key, value);
  }

  _del(key: Stored): void {
    this.#batch.del(key);
  }

  _clear(): void {
    this.#batch.clear();
  }

  async _write(options: object): Promise<void> {
    try {
      await this.#batch.write(this.#options(options));
    } catch (error) {
      throw levelError(error);
    }
  }

  async _close(): Promise<void> {
    this.#batch.close();
  }
}
