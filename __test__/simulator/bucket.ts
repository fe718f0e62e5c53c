/**
 * The store of the simulator: atomic puts with conditions, reads that see every finished write, lists that may be old.
 * The ETag of a head is made from its content alone, as some stores do: equal heads have equal tags.
 *
 * @module
 */

import type { Random } from '../support/random.js';

export interface Stored {
  body: unknown;
  etag: string;
}

const LISTS_KEPT = 4;

export class Bucket {
  readonly objects = new Map<string, Stored>();
  #written = 0;
  #lists: string[][] = [];

  get(key: string): Stored | undefined {
    return this.objects.get(key);
  }

  /** The tag of what is stored now, or nothing if the condition does not hold. */
  put(key: string, body: unknown, etag: string | null | undefined): string | undefined {
    if (etag !== undefined && (this.objects.get(key)?.etag ?? null) !== etag) return undefined;
    this.#written += 1;
    const stored = { body, etag: key.startsWith('heads/') ? JSON.stringify(body) : String(this.#written) };
    this.objects.set(key, stored);
    return stored.etag;
  }

  delete(key: string): boolean {
    return this.objects.delete(key);
  }

  /** What there is, or, if `stale` says so, what there once was. */
  list(prefix: string, random: Random, stale: boolean): string[] {
    const now = [...this.objects.keys()];
    this.#lists.push(now);
    if (this.#lists.length > LISTS_KEPT) this.#lists.splice(random(LISTS_KEPT), 1);
    const keys = stale ? (this.#lists[random(this.#lists.length)] as string[]) : now;
    return keys.filter((key) => key.startsWith(prefix) && !(stale && random(8) === 0));
  }
}
