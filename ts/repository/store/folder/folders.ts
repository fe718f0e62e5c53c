/**
 * The folders of a folder store: made when they are needed, never removed, and synced so that names last.
 *
 * @module
 */

import { mkdir, open, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { diskError, hasCode } from './failures.js';

export class Folders {
  readonly #root: string;
  /** Folders whose names, and those of all above them, are durable. */
  readonly #durable = new Set<string>();
  /** Folders in which names change just now, with how many of them. */
  readonly #changing = new Map<string, number>();
  /** After a failed sync nobody knows what the disk holds, and a second one would not tell. */
  #failure: unknown;

  constructor(root: string) {
    this.#root = root;
  }

  /** Makes a folder if it is absent, durably. */
  async prepare(folder: string): Promise<void> {
    this.#throwFailure();
    if (this.#durable.has(folder)) return;
    const first = await make(folder);
    // Even those that were there may have been made a moment ago, by a process that has not synced them yet.
    const outermost = first === undefined || first.length > this.#root.length ? this.#root : first;
    for (let above = folder; above !== dirname(outermost); ) {
      above = dirname(above);
      await this.#sync(above);
    }
    this.#durable.add(folder);
  }

  /** Runs what changes names in a folder. Afterwards they last, also if someone else was first. */
  async change<T>(folder: string, change: () => Promise<T>): Promise<T> {
    this.#count(folder, 1);
    try {
      return await change().finally(() => this.#sync(folder));
    } finally {
      this.#count(folder, -1);
    }
  }

  /** Before a read: the names it finds are to last. */
  async settle(folder: string): Promise<void> {
    this.#throwFailure();
    if (this.#changing.has(folder)) await this.#sync(folder);
  }

  #count(folder: string, by: 1 | -1): void {
    const count = (this.#changing.get(folder) ?? 0) + by;
    if (count === 0) this.#changing.delete(folder);
    else this.#changing.set(folder, count);
  }

  async #sync(folder: string): Promise<void> {
    this.#throwFailure();
    // Windows opens no folder for Node, and keeps names by a journal of its own.
    if (process.platform === 'win32') return;
    try {
      const handle = await open(folder, 'r');
      await handle.sync().finally(() => handle.close());
    } catch (error) {
      // File systems whose folders need no sync, or have none; and a folder around the store that is not ours to open.
      const needless = hasCode(error, 'EINVAL', 'ENOTSUP');
      if (needless || (hasCode(error, 'EACCES', 'EPERM') && folder.length < this.#root.length)) return;
      // A name that could not be synced may have been made.
      const failure = diskError(`sync the folder ${folder}`, this.#root, error, 'unknown');
      if (!hasCode(error, 'EMFILE', 'ENFILE')) this.#failure = failure;
      throw failure;
    }
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
}

/**
 * Makes a folder and those around it; answers the outermost that was absent. Node's own `recursive` never ends where a folder
 * takes no others, as `/proc`.
 */
async function make(folder: string): Promise<string | undefined> {
  try {
    await mkdir(folder);
    return folder;
  } catch (error) {
    if (hasCode(error, 'EEXIST') && (await stat(folder)).isDirectory()) return undefined;
    if (!hasCode(error, 'ENOENT') || dirname(folder) === folder) throw error;
  }
  const first = await make(dirname(folder));
  await mkdir(folder).catch((error: unknown) => {
    if (!hasCode(error, 'EEXIST')) throw error;
  });
  return first ?? folder;
}

/** Where an object of this key lies. Keys have no part that leads elsewhere. */
export function pathOf(root: string, key: string): string {
  return join(root, ...key.split('/'));
}
