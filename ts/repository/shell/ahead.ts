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
    const wanted = ahead.slice(0, this.#room);
    for (const known of this.#fetched.keys()) if (!wanted.includes(known)) this.#fetched.delete(known);
    for (const next of wanted) this.#begin(next);
    const found = await here;
    this.#measure(found);
    return found;
  }

  /** Fetches what will be asked for: the first of `keys`, and others when that has said how long they may be. */
  async begin(keys: readonly string[]): Promise<void> {
    const [first, ...others] = keys as [string, ...string[]];
    this.#begin(first);
    this.#measure(await this.#fetched.get(first));
    for (const next of others.slice(0, this.#room)) this.#begin(next);
  }

  get #room(): number {
    return Math.max(1, Math.min(SLOTS_MAX, Math.floor(BYTES_MAX / this.#bytes)));
  }

  #measure(found: StoredObject | undefined): void {
    this.#bytes = Math.max(this.#bytes / 2, found?.body.length ?? 0);
  }

  #begin(key: string): void {
    if (this.#fetched.has(key)) return;
    const fetching = this.#fetch(key);
    this.#fetched.set(key, fetching);
    const forget = () => {
      if (this.#fetched.get(key) === fetching) this.#fetched.delete(key);
    };
    fetching.then((found) => found ?? forget(), forget);
  }
}
