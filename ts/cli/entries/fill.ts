/**
 * Fills a database from lines.
 *
 * What must hold: entries are written in their order, so that after any failure what is in ends before a known line; and an entry
 * that is there already is not written again, so that the same lines may be given twice.
 *
 * @module
 */

import type { Batch } from '../../batch.js';
import { CoppiceError, type ErrorName } from '../../errors.js';
import { KEY_BYTES_MAX } from '../../limits.js';
import type { Keys } from '../command.js';
import type { LineEntry } from './line.js';
import { at, entriesOf } from './lines.js';

/** A batch of several entries has no more bytes: a commit takes 32 MiB of log in a database with a store. */
const BATCH_BYTES = 4 << 20;
/** Without a database each key counts as absent. */
const ABSENT = { getEntry: async () => undefined };

export interface Filled {
  /** Lines that hold an entry. */
  entries: number;
  /** Put, or what would be. */
  written: number;
  /** Of these, keys that had another value or time of expiry. */
  replaced: number;
  /** There already. */
  unchanged: number;
  /** Left out, since their time is over. */
  expired: number;
}

export interface Filling {
  /** Nothing: there is no database, and none is to be made. */
  readonly keys: Keys | undefined;
  /** Else it is only looked at what would be written. */
  readonly writes: boolean;
  /** Of the sublevel that is filled. */
  readonly prefixBytes: number;
  /** Called now and then. */
  readonly told: (filled: Filled) => void;
}

/** @throws as `entriesOf`, and as writes do; the message and `details.entries` say how many entries are in. */
export async function fill(input: AsyncIterable<Uint8Array>, filling: Filling): Promise<Filled> {
  const filler = new Filler(filling);
  try {
    for await (const { line, entry } of entriesOf(input)) await filler.take(entry, line);
  } catch (error) {
    if (!(error instanceof CoppiceError)) throw error;
    // Whatever stands before a broken line is in: then it is clear where to go on.
    if (error.details?.line !== undefined) await filler.end();
    throw filling.writes ? stopped(error, filler.held) : error;
  }
  return filler.end();
}

function stopped(cause: CoppiceError, entries: number): CoppiceError {
  const name = cause.code.replace('COPPICE_', '') as ErrorName;
  const again = entries > 0 ? ', and importing all of it again leaves them as they are' : '';
  const message = `${cause.message}; ${entries} entries are in${again}`;
  return new CoppiceError(name, message, { cause, details: { ...cause.details, entries } });
}

class Filler {
  readonly #filling: Filling;
  readonly #filled: Filled = { entries: 0, written: 0, replaced: 0, unchanged: 0, expired: 0 };
  #batch: Batch<Buffer, Buffer> | undefined;
  #bytes = 0;
  /** Entries that are in the database, or have expired. */
  held = 0;

  constructor(filling: Filling) {
    this.#filling = filling;
  }

  async take(entry: LineEntry, line: number): Promise<void> {
    const { keys, writes, prefixBytes } = this.#filling;
    const { key, value, expiresAt } = entry;
    const filled = this.#filled;
    const bytes = prefixBytes + key.length + value.length;
    if (this.#bytes + bytes > BATCH_BYTES) await this.end();
    at(line, () => checkKey(prefixBytes + key.length));
    if (expiresAt !== undefined && expiresAt.getTime() <= Date.now()) filled.expired += 1;
    else {
      const there = await (keys ?? ABSENT).getEntry(key);
      if (there !== undefined && isSame(entry, there)) filled.unchanged += 1;
      else {
        if (writes) {
          this.#batch ??= keys?.batch();
          this.#batch?.put(key, value, expiresAt === undefined ? undefined : { expiresAt });
        }
        filled.written += 1;
        if (there !== undefined) filled.replaced += 1;
      }
    }
    filled.entries += 1;
    this.#bytes += bytes;
  }

  /** Writes what is not written yet. */
  async end(): Promise<Filled> {
    const batch = this.#batch;
    this.#batch = undefined;
    this.#bytes = 0;
    await batch?.write();
    this.held = this.#filled.entries;
    this.#filling.told(this.#filled);
    return this.#filled;
  }
}

/** Here, so that a dry run finds it as well. */
function checkKey(bytes: number): void {
  if (bytes <= KEY_BYTES_MAX) return;
  throw new CoppiceError(
    'TOO_LARGE',
    `a key has at most ${KEY_BYTES_MAX} bytes with its sublevel, and this one ${bytes}`,
  );
}

function isSame(one: LineEntry, other: LineEntry): boolean {
  return one.value.equals(other.value) && one.expiresAt?.getTime() === other.expiresAt?.getTime();
}
