/**
 * The mark of a database that is on its way into a store: the file `adoption` in the folder `.repository`. It stands there
 * before the first object is put; alone it says that the branch is not there yet, beside a `position` of the same branch
 * that it may be.
 *
 * @module
 */

import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { inodeOf, OWN, readOwn, removeOwn, writeOwn } from './own.js';
import type { Place } from './place.js';

const FILE = join(OWN, 'adoption');
const FORMAT = 1;

/** Where the database goes, and what it has been named there. */
export interface Marked {
  readonly format: typeof FORMAT;
  readonly databaseId: string;
  readonly branch: string;
  readonly branchId: string;
  /** Of the folder: a copy goes another way. */
  readonly inode: string;
  /** How often it has been begun: no name is given by two attempts. */
  readonly attempt: number;
}

export class Mark {
  readonly #folder: string;
  #marked: Marked;

  private constructor(folder: string, marked: Marked) {
    this.#folder = folder;
    this.#marked = marked;
  }

  /** The mark of a folder that remembers a position, if that is a position of the branch that is being made. */
  static async beside(folder: string, { remembered }: Place): Promise<Mark | undefined> {
    const marked = await read(folder);
    const isOf = marked !== undefined && marked.branchId === remembered.local?.branchId;
    return isOf ? new Mark(folder, marked) : undefined;
  }

  /** For a folder that belongs to nothing. It goes on where it was if it goes the same way; nothing is written yet. */
  static async of(folder: string, databaseId: string, branch: string): Promise<Mark> {
    const inode = await inodeOf(folder);
    const marked = await read(folder);
    const isSame = marked?.databaseId === databaseId && marked.branch === branch && marked.inode === inode;
    const branchId = randomBytes(16).toString('hex');
    return new Mark(folder, isSame ? marked : { format: FORMAT, databaseId, branch, branchId, inode, attempt: 0 });
  }

  /** What an attempt of before has left says nothing any more. */
  static async forget(folder: string): Promise<void> {
    if ((await read(folder)) !== undefined) await removeOwn(folder, FILE);
  }

  get marked(): Marked {
    return this.#marked;
  }

  /** The next attempt may give names when this has resolved. */
  async begin(): Promise<void> {
    this.#marked = { ...this.#marked, attempt: this.#marked.attempt + 1 };
    await writeOwn(this.#folder, FILE, this.#marked);
  }

  async remove(): Promise<void> {
    await removeOwn(this.#folder, FILE);
  }
}

function read(folder: string): Promise<Marked | undefined> {
  return readOwn<Marked>(join(folder, FILE), FORMAT, 'remove the file; the database beside it is whole');
}
