/**
 * Slots that are known to exist, fetched before they are asked for. Only what was found is kept: a slot that was not there
 * a moment ago may be there now.
 *
 * @module
 */

import type { StoredObject } from '../store/index.js';

type Fetch = (key: string) => Promise<StoredObject | undefined>;

const SLOTS_MAX = 32;
const BYTES_MAX = 64 << 20;

export class Ahead {
  readonly #fetch: Fetch;
  readonly #fetched = new Map<string, Promise<StoredObject | undefined>>();
  /** Of the largest slot lately: slots differ, but those of one time are alike. */
  #bytes = 1 << 20;

  constructor(fetch: Fetch) {
    this.#fetch = fetch;
  }

  /** The first of `keys`, while the others are fetched as well. */
  async get(keys: readonly string[]): Promise<StoredObject | undefined> {
    const [key, ...ahead] = keys as [string, ...string[]];
    const here = this.#fetched.get(key) ?? this.#fetch(key);
    this.#fetched.delete(key);
    const wanted = ahead.slice(0, Math.max(1, Math.min(SLOTS_MAX, Math.floor(BYTES_MAX / this.#bytes))));
    for (const known of this.#fetched.keys()) if (!wanted.includes(known)) this.#fetched.delete(known);
    for (const next of wanted) if (!this.#fetched.has(next)) this.#begin(next);
    const found = await here;
    this.#bytes = Math.max(this.#bytes / 2, found?.body.length ?? 0);
    return found;
  }

  #begin(key: string): void {
    const fetching = this.#fetch(key);
    this.#fetched.set(key, fetching);
    const forget = () => {
      if (this.#fetched.get(key) === fetching) this.#fetched.delete(key);
    };
    fetching.then((found) => found ?? forget(), forget);
  }
}
