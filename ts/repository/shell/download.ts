/**
 * The tables of a checkpoint, into a folder: many at once, in pieces, each table checked and synced, and taken from there by
 * a rename when all are there. What an attempt before has left is used if it is whole.
 *
 * @module
 */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { link, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { CoppiceError } from '../../errors.js';
import type { InstallFile, PinnedVersion } from '../../native/types.js';
import { type Manifest, tableName } from '../protocol/index.js';
import type { StoredObject } from '../store/index.js';
import type { Budget } from './budget.js';
import type { Counted } from './counted.js';
import { unwritten } from './errors.js';
import { OWN } from './own.js';

/** Inside the folder of the database, so that renames do not leave the file system. */
const FOLDER = join(OWN, 'tables');
/** Tables are fetched in pieces, so many of each at once. */
const PIECE_BYTES = 8 << 20;
const PIECES = 2;

/** Pins the tables of another database of this machine, which may be the same. */
export type Near = () => Promise<PinnedVersion | undefined>;

export class Downloads {
  readonly #folder: string;
  readonly #store: Counted;
  readonly #budget: Budget;
  readonly #near: Near | undefined;
  readonly #progress: (doneBytes: number, totalBytes: number) => void;

  constructor(
    folder: string,
    store: Counted,
    budget: Budget,
    near: Near | undefined,
    progress: (doneBytes: number, totalBytes: number) => void,
  ) {
    this.#near = near;
    this.#progress = progress;
    this.#folder = folder;
    this.#store = store;
    this.#budget = budget;
  }

  /** Whether all were there; if one was not, none has been taken. */
  async fetch(manifest: Manifest, files: readonly InstallFile[]): Promise<boolean> {
    await mkdir(join(this.#folder, FOLDER), { recursive: true });
    const left = await readdir(join(this.#folder, FOLDER));
    const keys = new Map(manifest.tables.map((table) => [table.id, tableName(table)]));
    const near = await this.#near?.();
    const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
    let done = 0;
    let isMissing = false;
    this.#progress(done, total);
    const fetchOne = async (file: InstallFile): Promise<void> => {
      if (isMissing) return;
      const isHere =
        (await this.#link(near, file)) ||
        (left.includes(file.name) && (await digestOf(this.#path(file.name))) === file.sha256);
      if (!isHere && !(await this.#fetch(file, keys.get(file.id)))) isMissing = true;
      done += file.bytes;
      this.#progress(done, total);
    };
    const taken = ({ bytes }: InstallFile) => Math.min(bytes, PIECES * PIECE_BYTES);
    const fetching = files.map((file) => this.#budget.take(taken(file), () => fetchOne(file)));
    const ends = await Promise.allSettled(fetching).finally(() => near?.release());
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
    return !isMissing;
  }

  /** Moves what was fetched to where the engine looks for it. */
  async take(files: readonly InstallFile[]): Promise<void> {
    for (const { name } of files) await rename(this.#path(name), join(this.#folder, name));
    await rm(join(this.#folder, FOLDER), { recursive: true, force: true });
  }

  /** Whether the file is one of another database of this machine, and stands here now too. */
  async #link(near: PinnedVersion | undefined, { id, name }: InstallFile): Promise<boolean> {
    const file = near?.files.find((file) => file.id === id);
    if (file === undefined) return false;
    const path = this.#path(name);
    const linked = () => link(join(file.folder, file.name), path).then(() => true);
    // On another file system, or one without links, it is fetched as any other.
    return linked().catch(() =>
      rm(path, { force: true })
        .then(linked)
        .catch(() => false),
    );
  }

  async #fetch({ name, sha256, bytes }: InstallFile, key: string | undefined): Promise<boolean> {
    if (key === undefined) {
      throw new CoppiceError('CORRUPT', `a manifest lacks the table "${name}" that its engine needs`);
    }
    const digest = await this.#copy(key, bytes, this.#path(name));
    if (digest !== undefined && digest !== sha256) {
      const message = `"${key}" is damaged: its digest is ${digest}, not ${sha256}`;
      throw new CoppiceError('CORRUPT', message, { details: { key } });
    }
    return digest !== undefined;
  }

  /** Answers the digest of what has been copied; nothing if there is no such object. */
  async #copy(key: string, bytes: number, path: string): Promise<string | undefined> {
    const hash = createHash('sha256');
    const pieces: Promise<StoredObject | undefined>[] = [];
    const syncs: Promise<void>[] = [];
    const ask = (from: number) => {
      const range = [from, Math.min(from + PIECE_BYTES, bytes)] as const;
      if (from < bytes) pieces.push(later(this.#store.get(key, range)));
    };
    for (let n = 0; n < PIECES; n++) ask(n * PIECE_BYTES);
    const file = await open(path, 'w').catch(failedAt(path));
    try {
      for (let at = 0; at < bytes; at += PIECE_BYTES) {
        const found = await pieces.shift();
        if (found === undefined) return undefined;
        hash.update(found.body);
        await file.writeFile(found.body).catch(failedAt(path));
        // It goes to the disk while others come.
        syncs.push(later(file.datasync()));
        ask(at + PIECES * PIECE_BYTES);
      }
      await Promise.all(syncs).catch(failedAt(path));
    } finally {
      await file.close();
    }
    return hash.digest('hex');
  }

  #path(name: string): string {
    return join(this.#folder, FOLDER, name);
  }
}

/** Of a file, if it can be read. */
async function digestOf(path: string): Promise<string | undefined> {
  const hash = createHash('sha256');
  const isRead = pipeline(createReadStream(path), hash).then(
    () => true,
    () => false,
  );
  return (await isRead) ? hash.digest('hex') : undefined;
}

function failedAt(path: string): (cause: unknown) => never {
  return (cause) => {
    throw unwritten(path, cause);
  };
}

/** What is waited for later, unless something else has failed by then. */
function later<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
