/**
 * Who waits for a revision to be in the store. All that wait for one share a promise. While anyone waits the process stays
 * alive: nothing else may be under way when the next thing that happens is said by another thread.
 *
 * @module
 */

import type { CoppiceError } from '../../errors.js';
import { KeepAlive } from './keep-alive.js';

interface Waiter {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: CoppiceError) => void;
}

export class Waiters {
  readonly #waiting = new Map<number, Waiter>();
  readonly #keepAlive = new KeepAlive();
  #acknowledged = 0;
  /** What came of the rest. */
  #ended: ((revision: number) => CoppiceError) | undefined;

  get areAny(): boolean {
    return this.#waiting.size > 0;
  }

  until(revision: number): Promise<void> {
    if (revision <= this.#acknowledged) return Promise.resolve();
    if (this.#ended !== undefined) return Promise.reject(this.#ended(revision));
    const known = this.#waiting.get(revision) ?? waiter();
    this.#waiting.set(revision, known);
    this.#keepAlive.set(true);
    return known.promise;
  }

  /** Resolves when all that wait now know what came of it. */
  async idle(): Promise<void> {
    await Promise.allSettled([...this.#waiting.values()].map(({ promise }) => promise));
  }

  acknowledge(revision: number): void {
    this.#acknowledged = Math.max(this.#acknowledged, revision);
    for (const [waitsFor, { resolve }] of this.#waiting) {
      if (waitsFor > revision) continue;
      this.#waiting.delete(waitsFor);
      resolve();
    }
    this.#keepAlive.set(this.#waiting.size > 0);
  }

  /** What was acknowledged is not there any more. */
  restart(): void {
    this.#acknowledged = 0;
  }

  /** Nothing further will be acknowledged here. */
  end(error: (revision: number) => CoppiceError): void {
    this.#ended ??= error;
    for (const [revision, { reject }] of this.#waiting) reject(this.#ended(revision));
    this.#waiting.clear();
    this.#keepAlive.set(false);
  }
}

function waiter(): Waiter {
  let resolve: Waiter['resolve'] = () => {};
  let reject: Waiter['reject'] = () => {};
  const promise = new Promise<void>((done, fail) => {
    resolve = done;
    reject = fail;
  });
  return { promise, resolve, reject };
}
