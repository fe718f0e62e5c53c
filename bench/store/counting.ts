/**
 * A store that notes what is put into it and counts every other request.
 *
 * @module
 */
import type { ObjectStore, StoreGetOptions, StoreListOptions, StoreOptions, StorePutOptions } from '../../ts/index.js';

const TABLE = /\/tables\//;

export class CountingStore implements ObjectStore {
  readonly location: string;
  readonly #store: ObjectStore;
  /** Since the last `forget`. */
  requests = 0;
  /** Of what resolved: key and bytes. */
  puts: { key: string; bytes: number }[] = [];

  constructor(store: ObjectStore) {
    this.#store = store;
    this.location = store.location;
  }

  get tables(): { key: string; bytes: number }[] {
    return this.puts.filter(({ key }) => TABLE.test(key));
  }

  forget(): void {
    this.requests = 0;
    this.puts = [];
  }

  get(key: string, options?: StoreGetOptions) {
    this.requests++;
    return this.#store.get(key, options);
  }

  head(key: string, options?: StoreOptions) {
    this.requests++;
    return this.#store.head(key, options);
  }

  async put(key: string, body: Uint8Array, options?: StorePutOptions) {
    this.requests++;
    const answer = await this.#store.put(key, body, options);
    this.puts.push({ key, bytes: body.length });
    return answer;
  }

  list(prefix: string, options?: StoreListOptions) {
    this.requests++;
    return this.#store.list(prefix, options);
  }

  del(keys: readonly string[], options?: StoreOptions) {
    this.requests++;
    return this.#store.del(keys, options);
  }
}
