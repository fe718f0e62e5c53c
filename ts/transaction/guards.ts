/**
 * What a transaction has seen of what others write, and what therefore must still be so when it commits.
 *
 * A key is guarded by the revision that it was seen with, which also finds an entry expired meanwhile; a range by nothing in
 * it having been written since the transaction began. A key within such a range needs no guard of its own, unless it expires.
 *
 * @module
 */

import { bytesOf, type Encoded } from '../encoding/index.js';
import { BATCH_BYTES_MAX } from '../limits.js';
import type { Refusal, Slab } from '../native/types.js';
import type { Span } from '../options/range.js';
import { Spans } from './spans.js';
import { tooLarge } from './writes.js';

/** What is known of an entry that was read. */
export interface Seen {
  readonly revision: number;
  readonly expiresAtMs: number | undefined;
}

/** Kind, revision and lengths. */
const GUARD_BYTES = 17;

export class Guards {
  /** By the bytes of the stored key, one character each. */
  readonly #keys = new Map<string, { revision: number | null; expires: boolean }>();
  readonly #ranges = new Spans();
  #keyBytes = 0;
  /** Beyond so many bytes of keys it is worth looking for those that need no guard. */
  #tidyAt = BATCH_BYTES_MAX / 2;

  key(key: Encoded, seen: Seen | undefined): void {
    const name = nameOf(key);
    if (this.#keys.has(name)) return;
    const expires = seen?.expiresAtMs !== undefined;
    this.#keys.set(name, { revision: seen?.revision ?? null, expires });
    this.#keyBytes += GUARD_BYTES + name.length;
    if (this.#keyBytes > this.#tidyAt) this.#tidy();
    this.#check();
  }

  range(span: Span): void {
    this.#ranges.add(span);
    this.#check();
  }

  /** Hands everything over; `since` is where the transaction stands. The keys that the guards are about, in their order. */
  pack(slab: Slab, since: number): (string | undefined)[] {
    this.#tidy();
    const names: (string | undefined)[] = [];
    for (const [name, { revision }] of this.#keys) {
      slab.check(Buffer.from(name, 'latin1'), revision);
      names.push(name);
    }
    for (const { lower, upper } of this.#ranges.parts) {
      slab.checkRange(lower, upper, since);
      names.push(undefined);
    }
    return names;
  }

  #tidy(): void {
    for (const [name, { expires }] of this.#keys) {
      if (expires || this.#ranges.holding(Buffer.from(name, 'latin1')) === undefined) continue;
      this.#keys.delete(name);
      this.#keyBytes -= GUARD_BYTES + name.length;
    }
    // Looked through again once half of what is left free is taken.
    this.#tidyAt = (this.#keyBytes + BATCH_BYTES_MAX) / 2;
  }

  #check(): void {
    const bytes = this.#keyBytes + this.#ranges.bytes + this.#ranges.parts.length * GUARD_BYTES;
    if (bytes > BATCH_BYTES_MAX)
      throw tooLarge('transaction, in the keys and ranges that it has read,', bytes, BATCH_BYTES_MAX);
  }
}

/** The stored keys of a refusal, and what was found, each key once. `names`: as `pack` has answered. */
export function refused(refusal: Refusal, names: readonly (string | undefined)[]): Map<string, number | null> {
  const found = new Map<string, number | null>();
  for (const { guard, revision, key } of refusal.conflicts) {
    found.set(key === undefined ? (names[guard] as string) : nameOf(key), revision);
  }
  return found;
}

function nameOf(key: Encoded): string {
  return bytesOf(key).toString('latin1');
}
