/**
 * The tables of a checkpoint, into a folder: many at once, each checked, and taken from there by a rename when all are
 * there. What an attempt before has left is used if it is whole.
 *
 * @module
 */

import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CoppiceError } from '../../errors.js';
import type { InstallFile } from '../../native/types.js';
import { type Manifest, tableName } from '../protocol/index.js';
import type { Budget } from './budget.js';
import type { Counted } from './counted.js';
import { sha256Of } from './digest.js';
import { unwritten } from './errors.js';
import { OWN } from './place.js';

/** Inside the folder of the database, so that renames do not leave the file system. */
const FOLDER = join(OWN, 'tables');

export class Downloads {
  readonly #folder: string;
  readonly #store: Counted;
  readonly #budget: Budget;
  readonly #progress: (doneBytes: number, totalBytes: number) => void;

  constructor(
    folder: string,
    store: Counted,
    budget: Budget,
    progress: (doneBytes: number, totalBytes: number) => void,
  ) {
    this.#progress = progress;
    this.#folder = folder;
    this.#store = store;
    this.#budget = budget;
  }

  /** Whether all were there; if one was not, none has been taken. */
  async fetch(manifest: Manifest, files: readonly InstallFile[]): Promise<boolean> {
    await mkdir(join(this.#folder, FOLDER), { recursive: true });
    const keys = new Map(manifest.tables.map((table) => [table.id, tableName(table)]));
    const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
    let done = 0;
    let isMissing = false;
    this.#progress(done, total);
    const fetchOne = async (file: InstallFile): Promise<void> => {
      if (isMissing) return;
      if (!(await this.#fetch(file, keys.get(file.id)))) isMissing = true;
      done += file.bytes;
      this.#progress(done, total);
    };
    const ends = await Promise.allSettled(files.map((file) => this.#budget.take(file.bytes, () => fetchOne(file))));
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
    return !isMissing;
  }

  /** Moves what was fetched to where the engine looks for it. */
  async take(files: readonly InstallFile[]): Promise<void> {
    for (const { name } of files) await rename(this.#path(name), join(this.#folder, name));
    await rm(join(this.#folder, FOLDER), { recursive: true, force: true });
  }

  async #fetch({ name, sha256, bytes }: InstallFile, key: string | undefined): Promise<boolean> {
    if (key === undefined) {
      throw new CoppiceError('CORRUPT', `a manifest lacks the table "${name}" that its engine needs`);
    }
    const path = this.#path(name);
    const before = await readFile(path).catch(() => undefined);
    if (before !== undefined && (await sha256Of(before)) === sha256) return true;
    const found = await this.#store.get(key);
    if (found === undefined) return false;
    const digest = await sha256Of(found.body);
    if (digest !== sha256) {
      const message = `"${key}" is damaged: ${found.body.length} bytes with the digest ${digest}, not ${bytes} with ${sha256}`;
      throw new CoppiceError('CORRUPT', message, { details: { key } });
    }
    await writeFile(path, found.body).catch((cause) => {
      throw unwritten(path, cause);
    });
    return true;
  }

  #path(name: string): string {
    return join(this.#folder, FOLDER, name);
  }
}
