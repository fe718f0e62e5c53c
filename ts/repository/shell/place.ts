/**
 * What a disk remembers of its branch: the file `position` in the folder `.repository` inside that of the
 * database, where everything is that is not the engine's.
 *
 * What it says of the position may be older than the log beside it, and never newer: it is written only once the records
 * before the position are durable. It is replaced as a whole, by a rename.
 *
 * @module
 */

import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Position } from '../protocol/index.js';
import { inodeOf, OWN, readOwn, removeOwn, writeOwn } from './own.js';

const FILE = join(OWN, 'position');
const FORMAT = 1;

export interface Remembered {
  readonly format: typeof FORMAT;
  /** The repository, and the branch in it, to which this folder belongs. */
  readonly databaseId: string;
  readonly branch: string;
  /** Random. A disk that was copied is another one, and so is one that was lost. */
  readonly disk: string;
  /** Of the folder: a copy has another. */
  readonly inode: string;
  /** Null while the folder holds nothing that is whole. */
  readonly local: Reached | null;
  /** A copy is being made in it, which is to belong to nobody. */
  readonly copies?: true;
}

/** How far the records of a disk are known to be those of the branch. */
export interface Reached {
  readonly branchId: string;
  readonly position: Position;
}

export class Place {
  readonly #folder: string;
  #remembered: Remembered;
  /** What the file says, for certain. */
  #durable: Remembered | undefined;
  #written: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;

  private constructor(folder: string, remembered: Remembered, durable: Remembered | undefined) {
    this.#folder = folder;
    this.#remembered = remembered;
    this.#durable = durable;
  }

  /** What the folder remembers. Nothing, if it has never belonged to a repository. */
  static async of(folder: string): Promise<Place | undefined> {
    const remembered = await read(folder);
    if (remembered === undefined) return undefined;
    const inode = await inodeOf(folder);
    const isCopy = inode !== remembered.inode;
    return new Place(folder, isCopy ? { ...remembered, inode, disk: randomUUID() } : remembered, remembered);
  }

  /** A folder that begins to belong to one. Nothing is written yet. */
  static async make(folder: string, databaseId: string, branch: string, copies = false): Promise<Place> {
    await mkdir(join(folder, OWN), { recursive: true });
    const inode = await inodeOf(folder);
    const remembered: Remembered = { format: FORMAT, databaseId, branch, disk: randomUUID(), inode, local: null };
    return new Place(folder, copies ? { ...remembered, copies } : remembered, undefined);
  }

  get remembered(): Remembered {
    return this.#remembered;
  }

  /** The folder does not say yet to whom it belongs. */
  get isNew(): boolean {
    return this.#durable === undefined;
  }

  /** Whatever is in the folder, whoever opens it next begins anew. */
  get holdsNothing(): boolean {
    return this.#remembered.local === null && this.#durable?.local === null;
  }

  /** Remembers a position whose records are durable. Calls that come while one is written share the next. */
  reach(local: Reached): Promise<void> {
    return this.#remember({ ...this.#remembered, local });
  }

  /** What the folder holds, if anything, is about to be replaced. */
  async clear(): Promise<void> {
    await this.settled();
    if (this.#remembered.local !== null || this.#durable?.local !== null) {
      await this.#remember({ ...this.#remembered, local: null });
    }
  }

  /** What the folder held is lost, and what comes is another disk, unless nobody has heard of this one. */
  forget(): Promise<void> {
    const disk = this.isNew ? this.#remembered.disk : randomUUID();
    return this.#remember({ ...this.#remembered, disk, local: null });
  }

  /** The folder belongs to no repository any more. */
  async remove(): Promise<void> {
    await this.settled();
    this.#remembered = { ...this.#remembered, local: null };
    this.#durable = undefined;
    await removeOwn(this.#folder, FILE);
  }

  /** Resolves when nothing is being written any more. */
  async settled(): Promise<void> {
    await this.#next?.catch(() => {});
    await this.#written.catch(() => {});
  }

  #remember(remembered: Remembered): Promise<void> {
    this.#remembered = remembered;
    this.#next ??= this.settled().then(() => {
      this.#next = undefined;
      const written = this.#remembered;
      this.#written = writeOwn(this.#folder, FILE, written).then(() => {
        this.#durable = written;
      });
      return this.#written;
    });
    return this.#next;
  }
}

/** Whether the folder belongs to a repository. */
export async function isPlace(folder: string): Promise<boolean> {
  return (await read(folder)) !== undefined;
}

function read(folder: string): Promise<Remembered | undefined> {
  return readOwn<Remembered>(join(folder, FILE), FORMAT, 'remove the folder, and it grows back from the store');
}
