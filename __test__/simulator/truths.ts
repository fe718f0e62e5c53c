/**
 * All branches that there are, or were, and what must hold of them together.
 *
 * @module
 */

import {
  branchPrefix,
  type Head,
  headName,
  parseName,
  retiredName,
  type Slot,
  type Table,
} from '../../ts/repository/protocol/index.js';
import type { Bucket } from './bucket.js';
import type { Counters } from './counters.js';
import type { Part } from './engine.js';
import { must, Truth } from './truth.js';

export class Truths {
  readonly main = new Truth(this);
  readonly #byId = new Map<string, Truth>();
  /** By name, the head that stands there. */
  readonly heads = new Map<string, Head>();
  readonly #owners = new Map<string, string>();
  /** Names of branches that were deleted at some time. */
  readonly #deleted = new Set<string>();
  /** The content of every table that was ever made. */
  readonly parts = new Map<string, Part>();
  /** What was merged, by the commits that have it. */
  readonly merges = new Map<number, string>();
  /** Commits whose clients were told that they have failed. */
  readonly fenced = new Set<number>();
  /** What was put into a branch after it began to be deleted: nobody looks for it any more. */
  readonly #late = new Set<string>();

  constructor(
    readonly bucket: Bucket,
    readonly counters: Counters,
  ) {}

  of(branchId: string): Truth {
    return this.#byId.get(branchId) ?? this.main;
  }

  /** Whether a node that has begun with that branch, or with none yet, may have been told that it is deleted. */
  wasDeleted(name: string, branchId: string): boolean {
    if (branchId === '') return this.#deleted.has(name);
    const now = this.heads.get(name);
    const isReplaced = now?.state === 'live' && now.lineage.includes(branchId);
    return this.of(branchId).head?.state !== 'live' && !isReplaced;
  }

  /** The head of a branch, wherever it stands. */
  #headOf(name: string, branchId: string): Head | undefined {
    const now = this.heads.get(name);
    if (now?.branchId === branchId) return now;
    const retired = this.heads.get(retiredName(name, branchId));
    return retired ?? (now?.retiring?.branchId === branchId ? now.retiring : undefined);
  }

  /** Names of branches that are there. */
  get live(): string[] {
    return [...this.heads.values()].filter(({ state }) => state === 'live').map(({ name }) => name);
  }

  /** An object was put where nothing stood, or a head over another one. */
  stored(key: string, body: unknown): void {
    if (key.startsWith('heads/')) return this.#headStored(body as Head);
    const branchId = key.split('/')[1] as string;
    const truth = this.of(branchId);
    if (truth.head !== undefined && truth.head.state !== 'live') this.#late.add(key);
    if (key.includes('/wal/')) truth.slotStored(body as Slot);
    else if (key.includes('/tables/')) truth.tableStored(body as Table);
  }

  #headStored(head: Head): void {
    const { name, epoch, owner, branchId, state, retiring } = head;
    const before = this.heads.get(name);
    this.heads.set(name, head);
    if (owner !== null) {
      const boot = this.#owners.get(`${name} ${epoch}`) ?? owner.boot;
      must(owner.boot === boot, `I1: epoch ${epoch} has two owners`);
      this.#owners.set(`${name} ${epoch}`, boot);
    }
    must(epoch >= (before?.epoch ?? 0), 'I1: the epoch has gone down');
    const isOther = before !== undefined && before.branchId !== branchId;
    const isReplaced = isOther && retiring?.branchId === before.branchId;
    must(!isOther || before.state === 'gone' || isReplaced, 'a branch is replaced that is there');
    const isLeft = !isReplaced && retiring === null;
    must(
      !before?.retiring || retiring?.branchId === before.retiring.branchId || isLeft,
      'a branch is forgotten that was replaced',
    );
    if (isReplaced) this.#changed(retiring, before);
    if (state === 'deleted') this.#deleted.add(name);
    if (isOther && state === 'live') this.counters['re-creations'] += 1;
    this.#changed(head, isOther ? undefined : before);
    for (const child of this.heads.values()) if (child.state === 'live') this.#mustBePinned(child);
    if (state === 'gone' && before?.state === 'deleted') this.counters['branches gone'] += 1;
  }

  #changed(head: Head, before: Head | undefined): void {
    const { branchId } = head;
    if (!this.#byId.has(branchId)) this.#byId.set(branchId, this.#byId.size === 0 ? this.main : new Truth(this));
    const truth = this.of(branchId);
    truth.headStored(head);
    for (const pin of head.pins) {
      // Once it is there what it keeps must be; the branch may come to be there at any time.
      const isKnown = before?.pins.some((other) => other.branchId === pin.branchId);
      if (!isKnown && truth.head?.name === head.name) truth.pinned(pin);
    }
  }

  /** Whatever a branch has grown from keeps what it needs, and so does what that has grown from itself. */
  #mustBePinned({ name, branchId, origin, expiresMs }: Head): void {
    if (origin?.state !== 'pinned') return;
    const parent = this.#headOf(origin.name, origin.branchId);
    const pin = parent?.pins.find((pin) => pin.branchId === branchId);
    must(parent !== undefined && pin !== undefined, `I6: ${origin.name} does not keep what ${name} has grown from`);
    must((pin.expiresMs ?? Infinity) <= (expiresMs ?? Infinity), `nobody looks at ${name} when it expires`);
    const isThrough = origin.stretches.length > 1;
    must(
      !isThrough || parent.origin?.state === 'pinned',
      `I6: ${origin.name} has let go of what ${name} has grown from`,
    );
  }

  /** Something was deleted. */
  named(): void {
    for (const truth of this.#byId.values()) truth.named();
  }

  /** In the end: of what is gone nothing is left, and what is deleted is there for somebody. `missed`: by old lists. */
  tidy(missed: ReadonlySet<string>): void {
    for (const { name, state, pins, origin, retiring } of this.heads.values()) {
      must(retiring === null, `what ${name} has replaced is not finished with`);
      must(state !== 'deleted' || pins.length > 0, `${name} was deleted, and is not gone`);
      for (const pin of pins) {
        const child = this.#headOf(pin.name, pin.branchId);
        must(pin.state === 'live', `the pin of ${pin.name} is still reserved`);
        must(child !== undefined && child.state !== 'gone', `the pin of ${pin.name} is for nobody`);
        must(child.origin?.state === 'pinned', `the pin of ${pin.name} is not needed`);
      }
      must(origin?.state !== 'releasing', `${name} has not let go`);
    }
    for (const [branchId, { head }] of this.#byId) {
      if (head?.state !== 'gone' || missed.has(branchId)) continue;
      const left = [...this.bucket.objects].filter(
        ([key]) => key.startsWith(branchPrefix(branchId)) && !this.#late.has(key),
      );
      // Fences stay.
      const other = left.find(
        ([key, { body }]) => parseName(key)?.kind !== 'slot' || (body as Slot).owner === undefined,
      );
      must(other === undefined, `${other?.[0]} is left of a branch that was deleted`);
    }
    for (const name of this.heads.keys()) must(this.bucket.objects.has(headName(name)), `the head of ${name} is gone`);
  }
}
