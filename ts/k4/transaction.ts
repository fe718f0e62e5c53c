/**
 * A transaction of K4: operations that are gathered, and committed as one.
 *
 * @module
 */

import { closed } from '../errors.js';
import { RETRIES } from '../limits.js';
import { oneOf } from '../options/check.js';
import { type Duration, deadlineMs } from '../options/duration.js';
import type { Parts } from '../reader.js';
import { beginSettings, conflict, pause, State, Transaction, Writes } from '../transaction/index.js';

/** What an operation of a transaction does. */
export type K4Operation = 'PUT' | 'DELETE';

/**
 * Operations that become one commit, which can be undone until `remove`. It reads nothing, so that nothing is in the way of the
 * commit: transactions are applied in the order of their commits.
 */
export class K4Transaction<K, V> implements Disposable {
  readonly #parts: Parts<K, V>;
  #writes: Writes | undefined = new Writes();
  #committing: Promise<Transaction<K, V>> | undefined;
  #isRemoved = false;

  /** @internal */
  constructor(parts: Parts<K, V>) {
    this.#parts = parts;
    parts.handle.live();
  }

  /**
   * Adds an operation. Key and value may be changed afterwards, but for values over 1 MiB. `ttl` counts from now. What is given
   * as value of a `DELETE` is not looked at: a rollback restores what was there.
   *
   * @throws `COPPICE_INVALID` for another operation; `COPPICE_TOO_LARGE` beyond the limits of a batch: 32 MiB, without the values
   * over 1 MiB, or 1 GiB of these. What was added before stays.
   */
  addOperation(operation: K4Operation, key: K, value?: V | null, ttl?: Duration | null): void {
    const { handle, space } = this.#parts;
    handle.live();
    const writes = this.#open();
    if (oneOf(operation, 'operation', ['PUT', 'DELETE']) === 'DELETE') return writes.del(space.encodeKey(key));
    const deadline = deadlineMs(ttl ?? undefined, undefined, handle.engine);
    writes.put(space.encodeKey(key), space.values.encode(value as V, 'value'), deadline);
  }

  /**
   * Writes all of it as one commit, or nothing. It is then closed for further operations, whatever comes of it.
   *
   * @throws as `put` does; `COPPICE_TOO_LARGE` if what it overwrites is more than 32 MiB.
   */
  async commit(): Promise<void> {
    const writes = this.#open();
    this.#writes = undefined;
    this.#committing = this.#commit(writes);
    await this.#committing;
  }

  /**
   * After the commit: restores what it has overwritten, values and times of expiry, as one commit. Before it, and after one that
   * has failed: discards the operations.
   *
   * @throws `COPPICE_CONFLICT` if others have changed one of the keys since: nothing is restored then, and `details.keys` names
   * them. `COPPICE_CLOSED` after `remove`.
   */
  async rollback(): Promise<void> {
    if (this.#isRemoved) throw closed('transaction');
    this.#writes = undefined;
    const committed = await this.#committing?.catch(() => undefined);
    const lost = await committed?.rollback();
    if (lost !== undefined) throw conflict('nothing was restored, because others have changed since', lost);
  }

  /** Ends it: discards what was not committed, forgets what `rollback` would restore. Harmless twice. */
  remove(): void {
    this.#isRemoved = true;
    this.#writes = undefined;
    this.#committing = undefined;
  }

  /** What `using` calls: `remove`. */
  [Symbol.dispose](): void {
    this.remove();
  }

  #open(): Writes {
    if (this.#writes === undefined) throw closed('transaction');
    return this.#writes;
  }

  /** On the newest state, and again if it changes while what is overwritten is read. */
  async #commit(writes: Writes): Promise<Transaction<K, V>> {
    const { handle, space } = this.#parts;
    const settings = beginSettings({ beforeImages: true }, handle);
    for (let attempt = 1; ; attempt++) {
      const transaction = new Transaction(new State(handle, settings, writes), space, attempt);
      const answer = await transaction.commit();
      if (answer.ok) return transaction;
      if (attempt > RETRIES) throw conflict(`others have written, in each of ${attempt} tries, to`, answer);
      await pause(attempt);
    }
  }
}
