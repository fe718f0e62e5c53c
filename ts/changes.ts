/**
 * What `diff` answers: changes in key order, read lazily.
 *
 * @module
 */

import { throwIfAborted } from './abort.js';
import { closed } from './errors.js';
import type { Entry } from './keyspace.js';
import type { ChangedEntry, Changes as NativeChanges } from './native/types.js';

/** A key that two states hold differently: it was made, deleted, or given another value or time of expiry. */
export interface Change<K, V> {
  key: K;
  /** What it was; absent if it was not there. */
  before?: Entry<K, V>;
  /** What it is; absent if it is not there any more. */
  after?: Entry<K, V>;
}

/**
 * Changes in key order. Both states stand still from the call of `diff` on, whatever is written meanwhile. Read once, by
 * `for await` or `toArray`; closed by its end, by `break`, `return`, `throw` or `close`. Values are read where they differ,
 * about 1 MiB at a time; what both states share is not read at all.
 *
 * @example
 * ```ts
 * import { open } from 'coppice';
 *
 * const db = await open('./data-with-history', { history: true });
 * const before = db.revision;
 * await db.put('price', '10');
 * for await (const { key, before: was, after } of db.diff(before)) console.log(key, was?.value, after?.value);
 * await db.close();
 * ```
 */
export class Changes<K, V> implements AsyncIterable<Change<K, V>>, AsyncDisposable {
  readonly #native: NativeChanges;
  readonly #make: (changed: ChangedEntry) => Change<K, V>;
  readonly #signal: AbortSignal | undefined;
  #state: 'new' | 'read' | 'closed' = 'new';

  /** @internal */
  constructor(native: NativeChanges, make: (changed: ChangedEntry) => Change<K, V>, signal: AbortSignal | undefined) {
    this.#native = native;
    this.#make = make;
    this.#signal = signal;
  }

  /** What `for await` calls. Ending the loop early closes the changes. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Change<K, V>, void, undefined> {
    if (this.#state !== 'new') throw closed('diff');
    this.#state = 'read';
    try {
      for (;;) {
        throwIfAborted(this.#signal, 'diff');
        const piece = await this.#native.next();
        if (piece.length === 0) return;
        for (const changed of piece) yield this.#make(changed);
      }
    } finally {
      this.close();
    }
  }

  /** All of them. */
  async toArray(): Promise<Change<K, V>[]> {
    const all: Change<K, V>[] = [];
    for await (const change of this) all.push(change);
    return all;
  }

  /** Lets go of what the two states hold. Harmless twice. */
  close(): void {
    this.#state = 'closed';
    this.#native.close();
  }

  /** What `await using` calls: `close`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }
}
