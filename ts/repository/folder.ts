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
} from '../native/index.js';
import { type EngineFolder, type OpenEngine, OWN } from './shell/index.js';

export class DatabaseFolder implements EngineFolder {
  readonly #folder: string;
  readonly #options: EngineOptions;
  readonly #on: (event: EngineEvent) => void;
  #engine: Engine | undefined;
  #shown = 0;

  constructor(folder: string, options: EngineOptions, on: (event: EngineEvent) => void) {
    this.#folder = folder;
    this.#options = options;
    this.#on = on;
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
    return lockFile(join(this.#folder, OWN, 'lock'));
  }

  async isEmpty(): Promise<boolean> {
    return access(join(this.#folder, 'CURRENT')).then(
      () => false,
      () => true,
    );
  }

  async open(): Promise<OpenEngine> {
    const engine = await openEngine(this.#folder, this.#options, this.#on);
    this.#engine = engine;
    const { replication } = engine;
    if (replication === undefined) throw new CoppiceError('INVALID', 'an engine of a branch is opened with replicated');
    return { replication, close: () => this.#close(engine) };
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
    await install(this.#folder, engine);
  }

  clear(): Promise<void> {
    return clear(this.#folder);
  }

  cut(seq: number): Promise<boolean> {
    return cut(this.#folder, seq);
  }
}
