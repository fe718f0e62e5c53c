/**
 * Rows of a snapshot with what a transaction has written on top: what it has put is there, what it has deleted is not.
 *
 * A chunk takes from one chunk of the snapshot's rows at most, so that those stay readable as long as it does.
 *
 * @module
 */

import { bytesOf } from '../encoding/index.js';
import type { Bounds, Decode, Rows, RowsOptions } from '../native/types.js';
import { compare, spanOf } from '../options/range.js';
import { holding, type Part } from './spans.js';
import { lowerBound, type Own, type View } from './writes.js';

/** What was written of a range; undefined if nothing was. */
export function within(view: View, bounds: Bounds): View | undefined {
  const span = spanOf(bounds);
  if (span === undefined) return undefined;
  const [lower, upper] = [bytesOf(span.lower), bytesOf(span.upper)];
  const own = view.own.slice(lowerBound(view.own, lower), upper.length === 0 ? undefined : lowerBound(view.own, upper));
  const reaches = (part: Part) =>
    (part.upper.length === 0 || part.upper.compare(lower) > 0) && (upper.length === 0 || part.lower.compare(upper) < 0);
  const deleted = view.deleted.filter(reaches);
  return own.length === 0 && deleted.length === 0 ? undefined : { own, deleted };
}

export class MergedRows implements Rows {
  readonly #base: Rows;
  readonly #options: RowsOptions;
  /** In reading direction. */
  readonly #own: readonly Own[];
  readonly #deleted: readonly Part[];
  readonly #sign: 1 | -1;
  /** A row of the base's chunk, or one of the transaction's own. */
  #chunk: (number | Own)[] = [];
  #baseCount = 0;
  #baseAt = 0;
  #baseEnded = false;
  /** The deleted part that the base was last told to leave. */
  #left: Part | undefined;
  #ownAt = 0;
  #closed = false;

  /** `base` has no limit and the same options. */
  constructor(base: Rows, options: RowsOptions, { own, deleted }: View) {
    this.#base = base;
    this.#options = options;
    this.#own = options.reverse ? own.toReversed() : own;
    this.#deleted = deleted;
    this.#sign = options.reverse ? -1 : 1;
  }

  get cold(): boolean {
    return !this.#closed && this.#baseAt === this.#baseCount && this.#base.cold;
  }

  get done(): boolean {
    const baseIsDone = this.#baseAt === this.#baseCount && (this.#baseEnded || this.#base.done);
    return this.#closed || (baseIsDone && this.#ownAt === this.#own.length);
  }

  warm(): Promise<void> {
    return this.#base.warm();
  }

  next(rowsMax: number, wait = true): number {
    this.#chunk = [];
    while (this.#chunk.length === 0 && !this.#closed) {
      if (!this.#fill(rowsMax, wait)) return 0;
      this.#merge(rowsMax);
      if (this.#chunk.length === 0 && this.done) this.close();
    }
    return this.#chunk.length;
  }

  /** Sees to it that the base has a row at hand, or none any more; false where the disk would have to be waited for. */
  #fill(rowsMax: number, wait: boolean): boolean {
    if (this.#baseAt < this.#baseCount || this.#baseEnded) return true;
    this.#baseAt = 0;
    this.#baseCount = 0;
    this.#baseCount = this.#base.next(rowsMax, wait);
    if (this.#baseCount > 0) return true;
    if (this.#base.cold) return false;
    this.#baseEnded = true;
    return true;
  }

  #merge(rowsMax: number): void {
    while (this.#chunk.length < rowsMax) {
      const own = this.#own[this.#ownAt];
      if (this.#baseAt === this.#baseCount && !this.#baseEnded) return;
      const base = this.#baseAt < this.#baseCount ? this.#base.key(this.#baseAt) : undefined;
      if (base === undefined && own === undefined) return;
      const order = base === undefined ? 1 : own === undefined ? -1 : this.#sign * compare(base, own.key);
      if (order < 0) {
        const part = this.#deleted.length === 0 ? undefined : holding(this.#deleted, bytesOf(base as string | Buffer));
        if (part === undefined) this.#chunk.push(this.#baseAt++);
        else if (!this.#leave(part)) return;
        continue;
      }
      // What the transaction has made of a key is what is there.
      if (order === 0) this.#baseAt++;
      this.#ownAt++;
      if ((own as Own).value !== undefined) this.#chunk.push(own as Own);
    }
  }

  /** Leaves a deleted part of the base; false if the chunk has to end there. */
  #leave(part: Part): boolean {
    while (this.#baseAt < this.#baseCount && holding([part], bytesOf(this.#base.key(this.#baseAt)))) this.#baseAt++;
    if (this.#baseAt < this.#baseCount || this.#base.done) return true;
    // Backwards the first row beyond may still be the first one of the part.
    if (this.#left === part) return false;
    this.#left = part;
    const beyond = this.#sign > 0 ? part.upper : part.lower;
    if (this.#sign > 0 && beyond.length === 0) this.#baseEnded = true;
    else this.#base.seek(beyond);
    return this.#baseEnded;
  }

  seek(key: string | Uint8Array): void {
    const isBefore = (other: string | Uint8Array) => this.#sign * compare(other, key) < 0;
    while (this.#ownAt < this.#own.length && isBefore((this.#own[this.#ownAt] as Own).key)) this.#ownAt++;
    while (this.#baseAt < this.#baseCount && isBefore(this.#base.key(this.#baseAt))) this.#baseAt++;
    if (this.#baseAt === this.#baseCount && !this.#baseEnded && !this.#base.done) this.#base.seek(key);
  }

  close(): void {
    this.#closed = true;
    this.#base.close();
  }

  key(i: number): string | Buffer {
    const row = this.#row(i);
    return typeof row === 'number' ? this.#base.key(row) : inForm(row.key, this.#options.keys);
  }

  value(i: number): string | Buffer {
    const row = this.#row(i);
    return typeof row === 'number' ? this.#base.value(row) : inForm(row.value ?? '', this.#options.values);
  }

  /** 0: the transaction's own. */
  revision(i: number): number {
    const row = this.#row(i);
    return typeof row === 'number' ? this.#base.revision(row) : 0;
  }

  expiresAtMs(i: number): number | undefined {
    const row = this.#row(i);
    return typeof row === 'number' ? this.#base.expiresAtMs(row) : row.deadlineMs;
  }

  createRevision(i: number): number {
    const row = this.#row(i);
    return typeof row === 'number' ? this.#base.createRevision(row) : 0;
  }

  version(i: number): number {
    const row = this.#row(i);
    return typeof row === 'number' ? this.#base.version(row) : 0;
  }

  #row(i: number): number | Own {
    return this.#chunk[i] as number | Own;
  }
}

/** Bytes as a codec takes them; they are its own. */
export function inForm(bytes: string | Uint8Array, form: Decode | undefined): string | Buffer {
  if (form === 'utf8') return typeof bytes === 'string' ? bytes : bytesOf(bytes).toString();
  return Buffer.from(bytes as Uint8Array);
}
