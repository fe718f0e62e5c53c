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
import { mkdir, open, readFile, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CoppiceError } from '../../errors.js';
import type { Position } from '../protocol/index.js';
import { unwritten } from './errors.js';

/** Hidden, as the engine makes no database among files of others. */
export const OWN = '.repository';
const FILE = join(OWN, 'position');
const FORMAT = 1;
/** No such file, or what should be the folder is a file. */
const ABSENT = new Set(['ENOENT', 'ENOTDIR']);

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
}

/** How far the records of a disk are known to be those of the branch. */
export interface Reached {
  readonly branchId: string;
  readonly position: Position;
}

export class Place {
  readonly #folder: string;
  #remembered: Remembered;
  #written: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;

  private constructor(folder: string, remembered: Remembered) {
    this.#folder = folder;
    this.#remembered = remembered;
  }

  /** What the folder remembers. Nothing, if it has never belonged to a repository. */
  static async of(folder: string): Promise<Place | undefined> {
    const remembered = await read(folder);
    if (remembered === undefined) return undefined;
    const inode = await inodeOf(folder);
    const isCopy = inode !== remembered.inode;
    return new Place(folder, isCopy ? { ...remembered, inode, disk: randomUUID() } : remembered);
  }

  /** A folder that begins to belong to one. Nothing is written yet. */
  static async make(folder: string, databaseId: string, branch: string): Promise<Place> {
    await mkdir(join(folder, OWN), { recursive: true });
    const inode = await inodeOf(folder);
    return new Place(folder, { format: FORMAT, databaseId, branch, disk: randomUUID(), inode, local: null });
  }

  get remembered(): Remembered {
    return this.#remembered;
  }

  /** Remembers a position whose records are durable. Calls that come while one is written share the next. */
  reach(local: Reached): Promise<void> {
    return this.#remember({ ...this.#remembered, local });
  }

  /** What the folder holds is about to be replaced. */
  clear(): Promise<void> {
    return this.#remember({ ...this.#remembered, local: null });
  }

  /** What the folder held is lost, and what comes is another disk. */
  forget(): Promise<void> {
    return this.#remember({ ...this.#remembered, disk: randomUUID(), local: null });
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
      this.#written = write(this.#folder, this.#remembered);
      return this.#written;
    });
    return this.#next;
  }
}

/** Whether the folder belongs to a repository. */
export async function isPlace(folder: string): Promise<boolean> {
  return (await read(folder)) !== undefined;
}

async function read(folder: string): Promise<Remembered | undefined> {
  const file = join(folder, FILE);
  let remembered: Remembered;
  try {
    remembered = JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    if (ABSENT.has((cause as NodeJS.ErrnoException).code ?? '')) return undefined;
    if (!(cause instanceof SyntaxError))
      throw new CoppiceError('IO', `cannot read ${file}`, { cause, details: { file } });
    throw new CoppiceError('CORRUPT', `${file} is damaged: remove the folder, and it grows back from the store`, {
      cause,
      details: { file, offset: 0 },
    });
  }
  if (remembered.format !== FORMAT) {
    throw new CoppiceError('FORMAT', `${file} is of format ${remembered.format}: use a newer version of coppice`, {
      details: { file },
    });
  }
  return remembered;
}

async function write(folder: string, remembered: Remembered): Promise<void> {
  const file = join(folder, FILE);
  try {
    await replace(folder, file, remembered);
  } catch (cause) {
    throw unwritten(file, cause);
  }
}

async function replace(folder: string, file: string, remembered: Remembered): Promise<void> {
  const fresh = `${file}.new`;
  const handle = await open(fresh, 'w');
  try {
    await handle.writeFile(`${JSON.stringify(remembered)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(fresh, file);
  await syncNames(join(folder, OWN));
  await syncNames(folder);
}

async function syncNames(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const names = await open(folder, 'r');
  await names.sync().finally(() => names.close());
}

async function inodeOf(folder: string): Promise<string> {
  return String((await stat(folder, { bigint: true })).ino);
}
