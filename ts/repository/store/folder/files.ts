/**
 * Single files of a folder store: looked at, read whole, and made under names that no key has.
 *
 * @module
 */

import { randomUUID } from 'node:crypto';
import { type BigIntStats, constants } from 'node:fs';
import { lstat, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { CoppiceError } from '../../../errors.js';
import { storeError } from '../failures.js';
import type { StoredObject } from '../object-store.js';
import { hasCode } from './failures.js';
import type { Folders } from './folders.js';

// What is not ours to follow: an object is a file and nothing else.
const READ = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0);
/** What was begun so long ago was left behind by a process that was killed. */
const LEFT_BEHIND_MS = 3_600_000;

/** New for each replacement: it is another file, and its time is later than that of the one before. */
export function etagOf({ ino, mtimeNs, size }: BigIntStats): string {
  return `"${[ino, mtimeNs, size].map((number) => number.toString(36)).join('-')}"`;
}

/** The file at `path`; `undefined` if there is nothing, or something else. */
export async function look(path: string): Promise<BigIntStats | undefined> {
  try {
    const found = await lstat(path, { bigint: true });
    return found.isFile() ? found : undefined;
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

/** Whether there is a folder where an object is to be. */
export async function isFolder(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined);
  return found?.isDirectory() ?? false;
}

/** The bytes of the file at `path`, or a range of them, all of one moment because no file changes. */
export async function read(path: string, range?: readonly [number, number]): Promise<StoredObject | undefined> {
  const file = await open(path, READ).catch((error) => {
    if (hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EISDIR')) return undefined;
    throw error;
  });
  if (file === undefined) return undefined;
  try {
    const found = await file.stat({ bigint: true });
    if (!found.isFile()) return undefined;
    const size = Number(found.size);
    const [from, to] = range ?? [0, size];
    const body = Buffer.allocUnsafeSlow(Math.max(0, Math.min(to, size) - from));
    for (let done = 0; done < body.length; ) {
      const { bytesRead } = await file.read(body, done, body.length - done, from + done);
      if (bytesRead === 0) throw endsEarly(path);
      done += bytesRead;
    }
    return { body, etag: etagOf(found) };
  } finally {
    await file.close();
  }
}

function endsEarly(path: string): CoppiceError {
  const message = `${path} was cut while it was read: nothing but the store may change its files`;
  return storeError(message, { reason: 'disk', outcome: 'refused', retry: true });
}

/** Files that are being written, in a folder of their own on the same file system. */
export class NewFiles {
  readonly #folder: string;
  readonly #folders: Folders;
  #prepared: Promise<void> | undefined;

  constructor(folder: string, folders: Folders) {
    this.#folder = folder;
    this.#folders = folders;
  }

  /** Makes a file of these bytes, synced, for as long as `use` takes. */
  async with<T>(body: Uint8Array, use: (path: string) => Promise<T>): Promise<T> {
    this.#prepared ??= this.#prepare().catch((error) => {
      this.#prepared = undefined;
      throw error;
    });
    await this.#prepared;
    const path = join(this.#folder, randomUUID());
    try {
      const file = await open(path, 'wx');
      try {
        await file.writeFile(body);
        await file.sync();
      } finally {
        await file.close();
      }
      return await use(path);
    } finally {
      // It may have been renamed. What cannot be removed now is left behind until it is old.
      await rm(path, { force: true }).catch(() => {});
    }
  }

  async #prepare(): Promise<void> {
    await this.#folders.prepare(this.#folder);
    const before = Date.now() - LEFT_BEHIND_MS;
    for (const name of await readdir(this.#folder)) {
      const path = join(this.#folder, name);
      const found = await look(path);
      if (found !== undefined && Number(found.mtimeMs) < before) await rm(path, { force: true }).catch(() => {});
    }
  }
}
