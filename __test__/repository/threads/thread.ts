/** A worker thread that has a database open, as tests command it. */

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { CoppiceError, type ErrorName } from '../../../ts/errors.js';

const WORKER = new URL('worker.mjs', import.meta.url);

export interface Stored {
  readonly key: string;
  readonly revision: number;
}

/** A write that its thread was told has failed. */
export interface Failed {
  readonly key: string;
  readonly code: string;
  readonly message: string;
}

export class Thread {
  readonly stored: Stored[] = [];
  readonly failed: Failed[] = [];
  readonly #worker: Worker;
  readonly #asked = new Map<number, { resolve(result: unknown): void; reject(error: CoppiceError): void }>();
  #calls = 0;

  constructor(folder: string, store: string) {
    this.#worker = new Worker(WORKER, { workerData: { folder, store }, execArgv: [] });
    this.#worker.on('message', ({ id, result, error, key, revision, code, message }) => {
      if (revision !== undefined) return this.stored.push({ key, revision });
      if (key !== undefined) return this.failed.push({ key, code, message });
      const asked = this.#asked.get(id);
      this.#asked.delete(id);
      if (error === undefined) return asked?.resolve(result);
      asked?.reject(new CoppiceError(error.code.replace('COPPICE_', '') as ErrorName, error.message));
    });
  }

  /** Never settled if the thread ends before it answers. */
  // biome-ignore lint/suspicious/noExplicitAny: what comes back is what the test knows.
  ask(call: string, ...parameters: unknown[]): Promise<any> {
    this.#calls += 1;
    const id = this.#calls;
    this.#worker.postMessage({ id, call, parameters });
    return new Promise((resolve, reject) => this.#asked.set(id, { resolve, reject }));
  }

  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }

  /** Has it end itself. */
  async exit(): Promise<void> {
    const ended = once(this.#worker, 'exit');
    this.ask('exit');
    await ended;
  }
}
