/**
 * A store whose every request is counted, and ends when the shell does. What a store of somebody's own throws comes out as
 * an error of a store.
 *
 * @module
 */

import { orAborted } from '../../abort.js';
import { aborted, CoppiceError } from '../../errors.js';
import type { ObjectStore, StoredHead, StoredObject, StorePutOptions } from '../store/index.js';
import type { Counts } from './counts.js';

export class Counted {
  readonly location: string;
  readonly #store: ObjectStore;
  readonly #counts: Counts;
  readonly #signal: AbortSignal;

  constructor(store: ObjectStore, counts: Counts, signal: AbortSignal) {
    this.location = store.location;
    this.#store = store;
    this.#counts = counts;
    this.#signal = signal;
  }

  async get(key: string, range?: readonly [number, number]): Promise<StoredObject | undefined> {
    const options = range === undefined ? { signal: this.#signal } : { signal: this.#signal, range };
    const found = await this.#ask('get', () => this.#store.get(key, options));
    this.#counts.downloadedBytes += found?.body.length ?? 0;
    return found;
  }

  head(key: string): Promise<StoredHead | undefined> {
    return this.#ask('head', () => this.#store.head(key, { signal: this.#signal }));
  }

  async put(key: string, body: Uint8Array, options: StorePutOptions): Promise<string> {
    this.#counts.uploadedBytes += body.length;
    const { etag } = await this.#ask('put', () => this.#store.put(key, body, { ...options, signal: this.#signal }));
    return etag;
  }

  /** In order. Only those that come after `after`, and before `before`: what comes behind that is not asked for. */
  list(
    prefix: string,
    { after, before }: { after?: string | undefined; before?: string | undefined } = {},
  ): Promise<string[]> {
    return this.#ask('list', async () => {
      const keys: string[] = [];
      const options = after === undefined ? { signal: this.#signal } : { signal: this.#signal, after };
      for await (const { key } of this.#store.list(prefix, options)) {
        if (before !== undefined && key >= before) break;
        keys.push(key);
      }
      return keys;
    });
  }

  del(keys: readonly string[]): Promise<void> {
    return this.#ask('delete', () => this.#store.del(keys, { signal: this.#signal }));
  }

  async #ask<T>(kind: keyof Counts['requests'], call: () => Promise<T>): Promise<T> {
    this.#counts.requests[kind] += 1;
    try {
      // A store need not listen to signals.
      return await orAborted(call(), this.#signal, () => aborted(this.#signal, 'a request'));
    } catch (error) {
      if (error instanceof CoppiceError) throw error;
      const message = `${this.location} failed: ${(error as Error).message}`;
      throw new CoppiceError('STORE', message, { cause: error, details: { reason: 'server', outcome: 'unknown' } });
    }
  }
}
