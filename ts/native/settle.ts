/**
 * Waiting for writes to be with the operating system or on the disk.
 *
 * All that is asked for in one turn of the microtask queue shares one promise and one native call. What waits for the
 * disk is answered by one callback for each group commit, in order.
 *
 * @module
 */

import type { CoppiceError } from '../errors.js';
import type { Environment } from './environment.js';

/** Writes that settle together. */
class Group {
  revision = 0;
  readonly promise: Promise<void>;
  resolve!: () => void;
  reject!: (error: CoppiceError) => void;

  constructor() {
    this.promise = new Promise<void>((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }
}

export class Settler {
  readonly #environment: Environment;
  readonly #handle: number;
  /** Gathering until the microtask that sends it off. */
  #writing: Group | undefined;
  #syncing: Group | undefined;
  /** Asked of the engine, in that order. */
  #waiting: Group[] = [];
  #failure: CoppiceError | undefined;

  constructor(environment: Environment, handle: number) {
    this.#environment = environment;
    this.#handle = handle;
  }

  written(): Promise<void> {
    if (this.#writing === undefined) {
      this.#writing = new Group();
      queueMicrotask(() => this.#writeOut());
    }
    return this.#writing.promise;
  }

  durable(revision: number): Promise<void> {
    if (this.#syncing === undefined) {
      this.#syncing = new Group();
      queueMicrotask(() => this.#requestSync());
    }
    if (revision > this.#syncing.revision) this.#syncing.revision = revision;
    return this.#syncing.promise;
  }

  onDurable(revision: number): void {
    let settled = 0;
    for (const group of this.#waiting) {
      if (group.revision > revision) break;
      group.resolve();
      settled++;
    }
    if (settled === 0) return;
    this.#waiting.splice(0, settled);
    if (this.#waiting.length === 0) this.#environment.release();
  }

  /** The engine writes no more: nothing that waits will come, and nothing that will be asked for. */
  onFailure(failure: CoppiceError): void {
    this.#failure ??= failure;
    for (const group of this.#waiting) group.reject(failure);
    if (this.#waiting.length > 0) this.#environment.release();
    this.#waiting = [];
  }

  /** Resolves, whatever becomes of it, when nothing waits any more. */
  async idle(): Promise<void> {
    const groups = [this.#writing, this.#syncing, ...this.#waiting];
    await Promise.allSettled(groups.map((group) => group?.promise));
  }

  #writeOut(): void {
    const group = this.#writing!;
    this.#writing = undefined;
    if (this.#environment.addon.writeOut(this.#handle) === null) group.reject(this.#environment.failure());
    else group.resolve();
  }

  #requestSync(): void {
    const group = this.#syncing!;
    this.#syncing = undefined;
    const durable = this.#environment.addon.requestSync(this.#handle, group.revision);
    if (durable === null) group.reject(this.#environment.failure());
    else if (durable >= group.revision) group.resolve();
    else if (this.#failure !== undefined) group.reject(this.#failure);
    else if (this.#waiting.push(group) === 1) this.#environment.hold();
  }
}
