/**
 * What must hold of one branch, checked by someone who sees everything: the store, every node, and what every client was told.
 *
 * The log is what was first put into its slots, in their order, after what the branch has grown from; all else is compared
 * with it.
 *
 * @module
 */

import {
  BEGUN_SLOT,
  branchedAt,
  checkpointsOf,
  type Head,
  type Manifest,
  manifestName,
  type Named,
  type Pin,
  type Position,
  type Slot,
  sha256,
  slotName,
  type Table,
  tableName,
} from '../../ts/repository/protocol/index.js';
import { type Engine, fold, type Part, seqOf } from './engine.js';
import type { Truths } from './truths.js';

export class Violation extends Error {}

export function must(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Violation(what);
}

export class Truth {
  readonly slots: Slot[] = [];
  /** Every commit of the branch, in order. */
  readonly log: number[] = [];
  readonly #folds: number[] = [];
  readonly #at = new Map<number, number>();
  readonly #merged = new Set<string>();
  /** Commits that are in it from the beginning. */
  begun = 0;
  head: Head | undefined;
  /** How often its owners have let go of something. */
  collections = 0;
  /** Somebody was told that it is deleted. */
  isOver = false;
  /** An owner has stored anew, or is about to, what it has of another branch. */
  makesOwn = false;

  constructor(readonly all: Truths) {}

  /** The branch begins with what a database held: the log goes on after that, and its first slot will never be filled. */
  began(commits: readonly number[], { digest, epoch }: Position): void {
    this.slots.push({ branchId: '', epoch, slot: 1, previous: '', digest });
    for (const commit of commits) this.#add(commit);
    this.begun = commits.length;
  }

  /** The branch begins with what the other held then. */
  grew({ branchId, origin }: Head): void {
    const last = origin?.stretches.at(-1);
    if (last === undefined) return;
    const parent = this.all.of(last.branchId);
    must(parent.slots.length + 1 >= last.to, `slot ${last.to - 1}, with which a branch begins, has never been filled`);
    const seq = Math.min(parent.#seqBefore(last.to), seqOf(last.until));
    this.began(parent.log.slice(0, seq), branchedAt(branchId, seq, seq + 1));
  }

  #seqBefore(slot: number): number {
    return this.slots.slice(0, slot - 1).findLast(({ records }) => records)?.records?.last ?? this.begun;
  }

  tableStored(table: Table): void {
    const { head } = this;
    const named = head?.manifest ?? head?.origin?.manifest;
    if (!head || !named || head.owner === null || table.epoch !== head.epoch) return;
    // Late puts of what is named by now under this very name apart.
    const there = this.#manifest(named)?.tables.find(({ id }) => id === table.id);
    const isMadeOwn = this.makesOwn && there?.branchId !== table.branchId;
    must(
      there === undefined || isMadeOwn || tableName(there) === tableName(table),
      `table ${table.id} is uploaded twice`,
    );
  }

  slotStored(slot: Slot): void {
    const before = this.slots.at(-1);
    const first = this.slots[slot.slot - 1];
    const isLive = this.head?.state === 'live';
    if (first !== undefined) {
      // A put from long ago fills a slot that was collected: it changes nothing if nobody reads it.
      const isLate = first.digest === slot.digest || slot.owner !== undefined;
      const isCollected = !isLive || slot.slot < (this.head?.wal.floor ?? 0);
      must(isLate && isCollected, `I4: slot ${slot.slot} has been filled twice`);
      return;
    }
    must(this.head?.kind !== 'tag', 'a tag is written');
    must(!this.isOver, `slot ${slot.slot} of a branch is written that was deleted`);
    must(slot.slot === this.slots.length + 1, `I4: slot ${slot.slot} follows ${this.slots.length}`);
    // Whoever deletes a branch that has no checkpoint yet does not know what it has begun with, and nobody reads on.
    const follows = slot.previous === (before?.digest ?? '') || (!isLive && slot.owner !== undefined);
    must(follows, `I4: slot ${slot.slot} does not chain`);
    must(slot.epoch >= (before?.epoch ?? 0), `I2: slot ${slot.slot} of epoch ${slot.epoch} stands after a later epoch`);
    this.slots.push(slot);
    if (slot.owner !== undefined) return this.#fenceStored(slot);
    const { first: seq, body } = slot.records as { first: number; body: number[] };
    must(seq === this.log.length + 1, `I5: record ${seq} follows ${this.log.length}`);
    for (const commit of body) {
      must(!this.#at.has(commit), `commit ${commit} is in the log twice`);
      must(!this.all.fenced.has(commit), `commit ${commit} was fenced, and is in the log`);
      this.#add(commit);
    }
  }

  #add(commit: number): void {
    const merged = this.all.merges.get(commit);
    must(merged === undefined || !this.#merged.has(merged), `${merged} has been merged twice`);
    if (merged !== undefined) this.#merged.add(merged);
    this.#folds.push(fold(this.#folds.at(-1) ?? 0, commit));
    this.log.push(commit);
    this.#at.set(commit, this.log.length);
  }

  #fenceStored({ slot, owner }: Slot): void {
    const before = this.slots.slice(0, slot - 1).findLast((other) => other.owner !== undefined);
    if (before !== undefined && before.owner?.disk !== owner?.disk) this.all.counters.takeovers += 1;
  }

  headStored(head: Head): void {
    const { head: before } = this;
    this.head = head;
    if (before === undefined) this.grew(head);
    must(head.kind === (before?.kind ?? head.kind), 'a branch becomes a tag, or a tag a branch');
    must(head.kind !== 'tag' || head.owner === null, 'a tag has an owner');
    must(before?.state !== 'gone' || head.state === 'gone', 'a branch is back that was deleted');
    // A tombstone may be put again, by whoever finds a pin that it has outlived.
    must(head.state === 'gone' || head.wal.floor >= (before?.wal.floor ?? 0), 'the floor has gone down');
    must(head.wal.hint >= head.wal.floor, 'A3: the hint is below the floor');
    must(head.state !== 'live' || head.wal.hint <= this.slots.length + 1, 'A3: the hint is off the log');
    if (before !== undefined && head.collected !== before.collected) this.collections += 1;
    const same = (field: 'manifest' | 'retained' | 'origin') => before?.[field] === head[field];
    if (!same('manifest') || !same('retained') || !same('origin')) this.named();
  }

  /** I6: everything is there that a node of this branch may come to need. */
  named(): void {
    const { head } = this;
    if (head?.state !== 'live') return;
    for (const named of checkpointsOf(head)) {
      this.#kept(named);
      must(named.floor >= head.wal.floor, `I6: the log from ${named.floor} on is not kept`);
    }
    this.#slots(head.branchId, head.wal.floor, this.slots.length + 1);
    if (head.origin?.state !== 'pinned') return;
    const { manifest, stretches } = head.origin;
    if (manifest !== null) this.#kept(manifest);
    stretches.forEach(({ branchId, to }, n) => {
      this.#slots(branchId, n > 0 ? BEGUN_SLOT : (manifest?.floor ?? 1), to);
    });
  }

  /** I6: what is promised to another branch is there. */
  pinned({ name, manifest, slots: { from, to } }: Pin): void {
    if (manifest !== null) this.#kept(manifest);
    const { branchId } = this.head as Head;
    for (let slot = from; slot < to; slot++) {
      must(this.all.bucket.objects.has(slotName(branchId, slot)), `I6: slot ${slot} is promised to ${name}, and gone`);
    }
  }

  #kept(named: Named): void {
    const manifest = this.#manifest(named);
    const whose = named.of === undefined ? '' : ' of what the branch has grown from';
    must(manifest !== undefined, `I6: manifest ${named.epoch}-${named.n}${whose} is gone`);
    for (const table of manifest.tables) {
      const found = this.all.bucket.get(tableName(table))?.body as Table | undefined;
      must(found !== undefined, `I6: table ${table.epoch}-${table.n}${whose} is gone`);
      must(found.sha256 === table.sha256, `I6: table ${table.epoch}-${table.n} is another one`);
    }
  }

  #slots(branchId: string, from: number, to: number): void {
    const whose = branchId === this.head?.branchId ? '' : ' of what the branch has grown from';
    for (let slot = from; slot < to; slot++) {
      must(this.all.bucket.objects.has(slotName(branchId, slot)), `I6: slot ${slot}${whose} is gone`);
    }
  }

  #manifest(named: Named): Manifest | undefined {
    const key = manifestName(named.of ?? (this.head as Head).branchId, named);
    return this.all.bucket.get(key)?.body as Manifest | undefined;
  }

  /** I9, I10: what a node holds up to here is the log up to here. */
  equals(engine: Engine, seq: number, whom: string): void {
    must(seq <= this.log.length, `${whom} shows record ${seq}, which no slot has`);
    must(engine.log.length >= seq, `${whom} lacks record ${engine.log.length + 1}`);
    const digest = seq === 0 ? 0 : this.#folds[seq - 1];
    must(engine.digest(seq) === digest, `I10: ${whom} holds something else at record ${seq}`);
  }

  acknowledged(engine: Engine, { seq }: Position, commits: number[], whom: string): void {
    this.equals(engine, seq, whom);
    for (const commit of commits) must(this.#at.has(commit), `${whom} acknowledged commit ${commit}, which is lost`);
    this.all.counters.acknowledged += commits.length;
  }

  /** A client was told that its commit has failed for good. */
  fenced(commits: number[]): void {
    for (const commit of commits) {
      // Of a branch that is deleted nothing is read any more: two who delete it may not leave what one of them has read.
      must(!this.#at.has(commit) || this.head?.state !== 'live', `commit ${commit} is in the log, and was fenced`);
      this.all.fenced.add(commit);
    }
    this.all.counters['commits fenced'] += commits.length;
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
    const { head } = this;
    if (head === undefined) return;
    this.named();
    for (const named of checkpointsOf(head)) {
      const manifest = this.#manifest(named) as Manifest;
      must(sha256(JSON.stringify(manifest)) === named.sha256, 'a manifest is not the one that the head names');
      const commits = manifest.tables.flatMap(({ sha256 }) => (this.all.parts.get(sha256) as Part).commits);
      must(commits.length === named.seq, `a checkpoint at ${named.seq} holds ${commits.length} records`);
      const digest = commits.reduce(fold, 0);
      must(
        digest === (this.#folds[named.seq - 1] ?? 0),
        `I10: a checkpoint at ${named.seq} restores to something else`,
      );
      this.all.counters['checkpoints restored'] += 1;
    }
  }
}
