/**
 * What replication asks of one open engine, and of folders that nobody has open.
 *
 * @module
 */

import type { Addon, PinnedByTask, WantedFile } from './addon.js';
import { type Environment, environment } from './environment.js';
import type { EngineOptions, Held, InstallFile, LogRecords, PinnedVersion, Replication, Until } from './types.js';

export class NativeReplication implements Replication {
  readonly #environment: Environment;
  readonly #addon: Addon;
  readonly #handle: number;
  #listener: ((seq: number) => void) | undefined;

  constructor(environment: Environment, handle: number) {
    this.#environment = environment;
    this.#addon = environment.addon;
    this.#handle = handle;
  }

  get lastSeq(): number {
    return this.#environment.answered(this.#addon.lastSeq(this.#handle));
  }

  get durableSeq(): number {
    return this.#environment.answered(this.#addon.durableSeq(this.#handle));
  }

  readLog(after: number, bytesMax: number): Promise<LogRecords | undefined> {
    return this.#environment.task(this.#addon.readLog(this.#handle, after, bytesMax));
  }

  sync(): Promise<number> {
    return this.#environment.task(this.#addon.syncLog(this.#handle));
  }

  logBytesAfter(seq: number): number {
    return this.#environment.answered(this.#addon.logBytesAfter(this.#handle, seq));
  }

  onLogged(listener: ((seq: number) => void) | undefined): void {
    this.#environment.answered(this.#addon.listenLogged(this.#handle, listener === undefined ? 0 : 1));
    this.#listener = listener;
  }

  /** From the engine. */
  tell(seq: number): void {
    this.#listener?.(seq);
  }

  keepLog(seq: number): Promise<void> {
    return this.#environment.task(this.#addon.keepLog(this.#handle, seq));
  }

  lead(leads: boolean): void {
    this.#environment.answered(this.#addon.lead(this.#handle, leads ? 1 : 0));
  }

  raise(revision: number): void {
    this.#environment.answered(this.#addon.raise(this.#handle, revision));
  }

  apply(records: Uint8Array, until: readonly Until[]): Promise<Held> {
    const revision = earliest(until.map((moment) => ('revision' in moment ? moment.revision : undefined)));
    const timeMs = earliest(until.map((moment) => ('timeMs' in moment ? moment.timeMs : undefined)));
    return this.#environment.task(this.#addon.applyRecords(this.#handle, records, revision, timeMs));
  }

  flush(): Promise<PinnedVersion> {
    return this.#pin(1);
  }

  tables(): Promise<PinnedVersion> {
    return this.#pin(0);
  }

  async #pin(flushes: 0 | 1): Promise<PinnedVersion> {
    const started = this.#addon.pinVersion(this.#handle, flushes);
    const { pin, engine, folder, files, ...rest } = await this.#environment.task<PinnedByTask>(started);
    return {
      ...rest,
      engine: engine.toString('base64'),
      files: files.map((file) => ({ ...wanted(file), folder })),
      release: () => {
        this.#addon.unpin(pin);
      },
    };
  }
}

/** The files that `install` wants in the folder, under these names. `engine`: as `Replication.flush` has given it. */
export function filesOf(engine: string): InstallFile[] {
  const here = environment();
  return here.answered(here.addon.wantedFiles(Buffer.from(engine, 'base64'))).map(wanted);
}

/**
 * Makes a database of those files, whose digests the caller has checked: they are synced first, and have to be there with
 * their lengths. Whatever else of a database is in the folder is removed.
 *
 * @throws `COPPICE_EXISTS` if the folder holds a database, `COPPICE_CORRUPT` with the file's name if one is not what it
 * should be, `COPPICE_NOT_FOUND` if one is missing.
 */
export function install(folder: string, engine: string, keys?: EngineOptions['keys']): Promise<Held> {
  const here = environment();
  return here.task(here.addon.installFiles(folder, Buffer.from(engine, 'base64'), keys && [...keys]));
}

/** Removes every file of a database from a folder. Others stay. */
export function clear(folder: string): Promise<void> {
  const here = environment();
  return here.task(here.addon.clearFolder(folder));
}

/** Takes every record after `seq` out of the log, durably. False, with nothing done, if tables may hold such records. */
export async function cut(folder: string, seq: number, keys?: EngineOptions['keys']): Promise<boolean> {
  const here = environment();
  return (await here.task<number>(here.addon.cutLog(folder, seq, keys && [...keys]))) === 1;
}

function earliest(numbers: readonly (number | undefined)[]): number | undefined {
  const known = numbers.filter((number) => number !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

function wanted({ kind, id, sha256, bytes, name }: WantedFile): InstallFile {
  return { kind, id: id.toString('hex'), sha256: sha256.toString('hex'), bytes, name };
}
