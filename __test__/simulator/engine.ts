/**
 * The engine of a simulated node, with its disk. A database is the list of the commits in it; a commit is a number that
 * is used once. What is not synced is lost in a crash; tables are synced, and hold a part of the list each.
 *
 * @module
 */

import {
  type Flushed,
  type Held,
  type Local,
  type Position,
  type Records,
  sha256,
  type Until,
} from '../../ts/repository/protocol/index.js';
import type { Random } from '../support/random.js';

export interface Part {
  id: string;
  sha256: string;
  /** The number of commits before it. */
  from: number;
  commits: number[];
}

/** Commits of a simulated branch are as far apart as this, by the clock that stands in them. */
export const MS_BETWEEN_COMMITS = 10;

/** The last commit that a copy up to then holds. Revision 1 is the empty database. */
export function seqOf(until: Until | null): number {
  if (until === null) return Number.POSITIVE_INFINITY;
  return 'revision' in until ? until.revision - 1 : Math.floor(until.timeMs / MS_BETWEEN_COMMITS);
}

/** The same, of the first of several moments. */
export function firstOf(moments: readonly Until[]): number {
  return Math.min(Number.POSITIVE_INFINITY, ...moments.map(seqOf));
}

/** A digest of all commits up to one, each folded into the one before. */
export function fold(digest: number, commit: number): number {
  return Math.imul(digest ^ commit, 0x01000193) ^ (digest >>> 15);
}

export class Engine {
  /** Of commit n at n - 1. */
  log: number[] = [];
  #folds: number[] = [];
  /** Commits on the disk. */
  durable = 0;
  tables: Part[] = [];
  branchId = '';
  /** What the disk remembers, */
  #remembered: Position | undefined;
  /** and what it would remember if it were synced now. */
  #position: Position | undefined;
  #made = 0;

  constructor(readonly disk: string) {}

  append(commit: number): void {
    this.#folds.push(fold(this.#folds.at(-1) ?? 0, commit));
    this.log.push(commit);
  }

  digest(seq: number): number {
    return seq === 0 ? 0 : (this.#folds[seq - 1] as number);
  }

  /** What the disk remembers of the position may be older than what it holds, and never newer. */
  sync(remembers: boolean): void {
    this.durable = this.log.length;
    if (remembers) this.#remembered = this.#position;
  }

  /** Forgets what is not on the disk, and answers what is. */
  crash(): Local | null {
    this.#truncate(this.durable);
    this.#position = this.#remembered;
    if (this.#remembered === undefined) {
      this.#truncate(0);
      this.tables = [];
    }
    return (this.#remembered && { branchId: this.branchId, position: this.#remembered, logged: this.durable }) || null;
  }

  reach(branchId: string, position: Position, synced: boolean): void {
    this.branchId = branchId;
    this.#position = position;
    if (synced) this.sync(true);
  }

  /** Before anything is added that the position is not before, unless the disk holds nothing for certain. */
  owe(branchId: string, position: Position, synced: boolean): void {
    this.reach(branchId, position, synced || this.#remembered !== undefined);
  }

  read(after: number, atMost: number): Records {
    const last = Math.min(this.durable, after + atMost);
    const body = this.log.slice(after, last);
    return { first: after + 1, last, revision: last + 1, timeMs: last * MS_BETWEEN_COMMITS, sha256: body.join(), body };
  }

  apply({ first, body }: Records, until: readonly Until[]): Held {
    (body as number[]).forEach((commit, index) => {
      const seq = first + index;
      if (seq > this.log.length && seq <= firstOf(until)) this.append(commit);
    });
    return { seq: this.log.length, revision: this.log.length + 1 };
  }

  cut(branchId: string, position: Position): void {
    this.#truncate(Math.min(this.log.length, position.seq));
    this.tables = this.tables.filter(({ from, commits }) => from + commits.length <= position.seq);
    this.reach(branchId, position, true);
  }

  install(branchId: string, position: Position, parts: Part[], synced: boolean): void {
    this.log = [];
    this.#folds = [];
    this.tables = parts.slice();
    for (const { commits } of parts) for (const commit of commits) this.append(commit);
    this.sync(false);
    this.#remembered = undefined;
    this.owe(branchId, position, synced);
  }

  flush(position: Position | null): Flushed {
    const timeMs = this.log.length * MS_BETWEEN_COMMITS;
    if (position !== null) this.#position = position;
    this.sync(position !== null);
    const from = this.tables.reduce((sum, { commits }) => sum + commits.length, 0);
    if (from < this.durable) this.#make(from, this.log.slice(from, this.durable));
    const tables = this.tables.map(({ id, sha256 }) => ({ id, sha256 }));
    const engine = { commits: this.durable };
    return { seq: this.durable, revision: this.durable + 1, timeMs, trimRevision: 0, engine, tables };
  }

  /** Merges two neighbours into a table of another name. */
  compact(random: Random): void {
    const at = random(this.tables.length - 1);
    const [first, second, ...others] = this.tables.splice(at) as [Part, Part, ...Part[]];
    this.#make(first.from, [...first.commits, ...second.commits]);
    this.tables.push(...others);
  }

  #make(from: number, commits: number[]): void {
    this.#made += 1;
    const id = `${this.disk}.${this.#made}.${this.log.length}`;
    this.tables.push({ id, sha256: sha256(id), from, commits });
  }

  #truncate(length: number): void {
    this.log.length = length;
    this.#folds.length = length;
    this.durable = Math.min(this.durable, length);
  }
}
