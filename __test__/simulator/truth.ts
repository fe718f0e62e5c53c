/**
 * What must hold, checked by someone who sees everything: the store, every node, and what every client was told.
 *
 * The log is what was first put into its slots, in their order; all else is compared with it.
 *
 * @module
 */

import {
  type Head,
  type Manifest,
  manifestName,
  namedBy,
  type Position,
  type Slot,
  sha256,
  slotName,
  type Table,
  tableName,
} from '../../ts/repository/protocol/index.js';
import type { Bucket } from './bucket.js';
import type { Counters } from './counters.js';
import { type Engine, fold, type Part } from './engine.js';

export class Violation extends Error {}

export function must(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Violation(what);
}

export class Truth {
  readonly slots: Slot[] = [];
  /** Every commit of the log, in order. */
  readonly log: number[] = [];
  readonly #folds: number[] = [];
  readonly #at = new Map<number, number>();
  readonly #owners = new Map<number, string>();
  readonly #fenced = new Set<number>();
  /** The content of every table that was ever made. */
  readonly parts = new Map<string, Part>();
  head: Head | undefined;

  constructor(
    readonly bucket: Bucket,
    readonly counters: Counters,
  ) {}

  /** The branch begins with what a database held: the log goes on after that, and its first slot will never be filled. */
  began(commits: readonly number[], { digest, epoch }: Position): void {
    this.slots.push({ branchId: '', epoch, slot: 1, previous: '', digest });
    for (const commit of commits) this.#add(commit);
  }

  /** An object was put where nothing stood, or a head over another one. */
  stored(key: string, body: unknown): void {
    if (key.startsWith('heads/')) this.#headStored(body as Head);
    else if (key.includes('/wal/')) this.#slotStored(body as Slot);
    else if (key.includes('/tables/')) this.#tableStored(body as Table);
  }

  #tableStored(table: Table): void {
    const { head, bucket } = this;
    if (!head?.manifest || head.owner === null || table.epoch !== head.epoch) return;
    const manifest = bucket.get(manifestName(head.branchId, head.manifest))?.body as Manifest;
    // Late puts of what is named by now under this very name apart.
    const there = manifest.tables.find(({ id }) => id === table.id);
    must(there === undefined || there.n === table.n, `table ${table.id} is uploaded twice`);
  }

  #slotStored(slot: Slot): void {
    const before = this.slots.at(-1);
    const first = this.slots[slot.slot - 1];
    if (first !== undefined) {
      // A put from long ago fills a slot that was collected: it changes nothing if nobody reads it.
      const late = first.digest === slot.digest || slot.owner !== undefined;
      must(late && slot.slot < (this.head?.wal.floor ?? 0), `I4: slot ${slot.slot} has been filled twice`);
      return;
    }
    must(slot.slot === this.slots.length + 1, `I4: slot ${slot.slot} follows ${this.slots.length}`);
    must(slot.previous === (before?.digest ?? ''), `I4: slot ${slot.slot} does not chain`);
    must(slot.epoch >= (before?.epoch ?? 0), `I2: slot ${slot.slot} of epoch ${slot.epoch} stands after a later epoch`);
    this.slots.push(slot);
    if (slot.owner !== undefined) return this.#fenceStored(slot);
    const { first: seq, body } = slot.records as { first: number; body: number[] };
    must(seq === this.log.length + 1, `I5: record ${seq} follows ${this.log.length}`);
    for (const commit of body) {
      must(!this.#at.has(commit), `commit ${commit} is in the log twice`);
      must(!this.#fenced.has(commit), `commit ${commit} was fenced, and is in the log`);
      this.#add(commit);
    }
  }

  #add(commit: number): void {
    this.#folds.push(fold(this.#folds.at(-1) ?? 0, commit));
    this.log.push(commit);
    this.#at.set(commit, this.log.length);
  }

  #fenceStored({ slot, owner }: Slot): void {
    const before = this.slots.slice(0, slot - 1).findLast((other) => other.owner !== undefined);
    if (before !== undefined && before.owner?.disk !== owner?.disk) this.counters.takeovers += 1;
  }

  #headStored(head: Head): void {
    const { head: before } = this;
    this.head = head;
    if (head.owner !== null) {
      const owner = this.#owners.get(head.epoch) ?? head.owner.boot;
      must(owner === head.owner.boot, `I1: epoch ${head.epoch} has two owners`);
      this.#owners.set(head.epoch, owner);
    }
    must(head.epoch >= (before?.epoch ?? 0), 'I1: the epoch has gone down');
    must(head.wal.floor >= (before?.wal.floor ?? 0), 'the floor has gone down');
    must(head.wal.hint >= head.wal.floor && head.wal.hint <= this.slots.length + 1, 'A3: the hint is off the log');
    if (before?.manifest !== head.manifest || before?.retained !== head.retained) this.named();
  }

  /** I6: everything that the head names is there. */
  named(): void {
    const { head, bucket } = this;
    if (head === undefined) return;
    for (const named of namedBy(head)) {
      const manifest = bucket.get(manifestName(head.branchId, named))?.body as Manifest | undefined;
      must(manifest !== undefined, `I6: manifest ${named.epoch}-${named.n} is gone`);
      for (const table of manifest.tables) {
        const found = bucket.get(tableName(table))?.body as Table | undefined;
        must(found !== undefined, `I6: table ${table.epoch}-${table.n} is gone`);
        must(found.sha256 === table.sha256, `I6: table ${table.epoch}-${table.n} is another one`);
      }
      must(named.floor >= head.wal.floor, `I6: the log from ${named.floor} on is not kept`);
    }
    for (let slot = head.wal.floor; slot <= this.slots.length; slot++) {
      must(bucket.objects.has(slotName(head.branchId, slot)), `I6: slot ${slot} is gone`);
    }
  }

  /** I10: what a node holds up to here is the log up to here. */
  equals(engine: Engine, seq: number, whom: string): void {
    must(seq <= this.log.length, `${whom} shows record ${seq}, which no slot has`);
    must(engine.log.length >= seq, `${whom} lacks record ${engine.log.length + 1}`);
    const digest = seq === 0 ? 0 : this.#folds[seq - 1];
    must(engine.digest(seq) === digest, `I10: ${whom} holds something else at record ${seq}`);
  }

  acknowledged(engine: Engine, { seq }: Position, commits: number[], whom: string): void {
    this.equals(engine, seq, whom);
    for (const commit of commits) must(this.#at.has(commit), `${whom} acknowledged commit ${commit}, which is lost`);
    this.counters.acknowledged += commits.length;
  }

  /** A client was told that its commit has failed for good. */
  fenced(commits: number[]): void {
    for (const commit of commits) {
      must(!this.#at.has(commit), `commit ${commit} is in the log, and was fenced`);
      this.#fenced.add(commit);
    }
    this.counters['commits fenced'] += commits.length;
  }

  /** What a disk holds is given up: it must not hold more than the log, unless another disk has taken the branch since. */
  outgrown(engine: Engine, whom: string): void {
    const owner = this.slots.findLast(({ owner }) => owner !== undefined)?.owner;
    if (owner?.disk !== engine.disk) return;
    must(engine.durable <= this.log.length, `${whom} forgets records that only its disk has`);
  }

  overtaken(epoch: number, boot: string, whom: string): void {
    const owned = this.head?.epoch === epoch && this.head.owner?.boot === boot;
    must(!owned, `${whom} gave up an epoch that nobody has taken from it`);
  }

  /** Every checkpoint that is kept restores to what the log said, and the log goes on from it. */
  restorable(): void {
    const { head, bucket } = this;
    if (head === undefined) return;
    this.named();
    for (const named of namedBy(head)) {
      const stored = bucket.get(manifestName(head.branchId, named)) as { body: Manifest };
      must(sha256(JSON.stringify(stored.body)) === named.sha256, 'a manifest is not the one that the head names');
      const commits = stored.body.tables.flatMap(({ sha256 }) => (this.parts.get(sha256) as Part).commits);
      must(commits.length === named.seq, `a checkpoint at ${named.seq} holds ${commits.length} records`);
      const digest = commits.reduce(fold, 0);
      must(
        digest === (this.#folds[named.seq - 1] ?? 0),
        `I10: a checkpoint at ${named.seq} restores to something else`,
      );
      this.counters['checkpoints restored'] += 1;
    }
  }
}
