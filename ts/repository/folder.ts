/**
 * The folder of a database, as a branch needs it.
 *
 * @module
 */

import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { CoppiceError } from '../errors.js';
import {
  clear,
  cut,
  type Engine,
  type EngineEvent,
  type EngineOptions,
  filesOf,
  type InstallFile,
  install,
  lockFile,
  openEngine,
  untilClosed,
} from '../native/index.js';
import { type EngineFolder, type OpenEngine, OWN } from './shell/index.js';

/** Threads that open a folder while it is about to be changed, one after the other. */
const ATTEMPTS_MAX = 64;

export interface Sharing {
  /** The other threads are to close the folder. */
  beforeChange(): void;
}

export class DatabaseFolder implements EngineFolder {
  readonly #folder: string;
  readonly #options: EngineOptions;
  readonly #on: (event: EngineEvent) => void;
  readonly #sharing: Sharing | undefined;
  #engine: Engine | undefined;
  #shown = 0;

  /** `sharing`: other threads of this process may have the folder open as well. */
  constructor(folder: string, options: EngineOptions, on: (event: EngineEvent) => void, sharing?: Sharing) {
    this.#folder = folder;
    this.#options = options;
    this.#on = on;
    this.#sharing = sharing;
  }

  /** The one that is open. */
  get engine(): Engine | undefined {
    return this.#engine;
  }

  /** The newest revision that readers of those before it may have seen. */
  get shown(): number {
    return this.#shown;
  }

  lock(): () => void {
    if (this.#sharing === undefined) return lockFile(join(this.#folder, OWN, 'lock'));
    // It is held for all threads.
    return () => {};
  }

  async isEmpty(): Promise<boolean> {
    return access(join(this.#folder, 'CURRENT')).then(
      () => false,
      () => true,
    );
  }

  async open(): Promise<OpenEngine> {
    const engine = this.#engine ?? (await openEngine(this.#folder, this.#options, this.#on));
    this.#engine = engine;
    const { replication } = engine;
    if (replication === undefined) throw new CoppiceError('INVALID', 'an engine of a branch is opened with replicated');
    return { replication, close: () => this.#close(engine) };
  }

  /** Closes what is open. */
  async close(): Promise<void> {
    if (this.#engine !== undefined) await this.#close(this.#engine);
  }

  #close(engine: Engine): Promise<void> {
    this.#engine = undefined;
    this.#shown = Math.max(this.#shown, engine.revision);
    return engine.close();
  }

  filesOf(engine: string): readonly InstallFile[] {
    return filesOf(engine);
  }

  async install(engine: string): Promise<void> {
    await this.#alone(() => install(this.#folder, engine, this.#options.keys));
  }

  clear(forAnother = false): Promise<void> {
    if (forAnother) this.#shown = 0;
    return this.#alone(() => clear(this.#folder));
  }

  cut(seq: number): Promise<boolean> {
    return this.#alone(() => cut(this.#folder, seq, this.#options.keys));
  }

  /** Does what needs the folder for itself, when no other thread has it open any more. */
  async #alone<T>(change: () => Promise<T>): Promise<T> {
    if (this.#sharing === undefined) return change();
    this.#sharing.beforeChange();
    for (let attempts = 1; ; attempts++) {
      await untilClosed(this.#folder);
      try {
        return await change();
      } catch (error) {
        // A thread that was about to open it finds out when it has.
        const isLate = error instanceof CoppiceError && error.code === 'COPPICE_LOCKED' && attempts < ATTEMPTS_MAX;
        if (!isLate) throw error;
      }
    }
  }
}
