/**
 * Before a branch is replaced all of it is kept under a name: the branch is taken from its owner, as by a node, so that its log
 * has an end, and a tag is made of that.
 *
 * @module
 */

import { owns } from '../change.js';
import { manifestName, slotName } from '../names.js';
import {
  after,
  BEGUN_SLOT,
  type Head,
  type Manifest,
  ORIGIN,
  type Owner,
  type Position,
  type Slot,
  seal,
} from '../objects.js';
import { fork } from './fork.js';
import { type Hand, type Job, putHead, readHead, sure } from './job.js';

/** Who has taken a branch of which all is kept, as long as nobody takes it after him. */
export interface Kept {
  readonly branchId: string;
  readonly epoch: number;
  readonly boot: string;
}

/** Keeps all of a branch. Null: it has changed meanwhile. */
export function* keepAll(hand: Hand, name: string, tag: string): Job<Kept | 'tag exists' | null> {
  const there = yield* readHead(tag);
  if (there !== null && there.head.state !== 'gone') return 'tag exists';
  const taken = yield* take(hand, name);
  if (taken === null) return null;
  const { branchId, to } = taken;
  const forked = yield* fork(hand, { parent: name, name: tag, at: null, known: { branchId, to }, kind: 'tag' });
  if (forked.type === 'exists') return 'tag exists';
  return forked.type === 'forked' ? taken : null;
}

/** Whether nothing has been written to the branch since. */
export function isKept(head: Head, kept: Kept | null): boolean {
  return kept !== null && (owns(head, kept) || (head.kind === 'tag' && head.branchId === kept.branchId));
}

function* take(hand: Hand, name: string): Job<(Kept & { readonly to: number }) | null> {
  const seen = yield* readHead(name);
  if (seen === null || seen.head.state !== 'live') return null;
  const { branchId, kind, wal } = seen.head;
  const boot = hand.name();
  // Nobody writes it.
  if (kind === 'tag') return { branchId, epoch: seen.head.epoch, boot, to: wal.hint };
  // It promises to show that it lives, and does not: if it is killed whoever stands by takes over.
  const owner = { node: 'replacement', disk: boot, boot, renewMs: 1 };
  const head: Head = { ...seen.head, epoch: seen.head.epoch + 1, owner };
  if (!(yield* putHead(hand, head, seen)).won) return null;
  const to = yield* endWithFence(head, owner);
  const now = yield* readHead(name);
  const kept = { branchId, epoch: head.epoch, boot };
  // Rule confirm: a successor may have taken the branch, and collected the slot in which the fence now stands.
  return to !== null && now !== null && owns(now.head, kept) ? { ...kept, to } : null;
}

/** The slot after the fence of this reign. Null: somebody else has taken the branch. */
function* endWithFence(head: Head, owner: Owner): Job<number | null> {
  const { branchId, epoch } = head;
  const begun = yield* beginning(head);
  if (begun === null || typeof begun === 'number') return begun;
  for (let log = begun; ; ) {
    const key = slotName(branchId, log.slot);
    const found = yield* sure({ type: 'get', key });
    if (found.type === 'found') {
      const slot = found.body as Slot;
      // Rule higher-epoch: whoever put this slot has taken the branch since.
      if (slot.epoch > epoch) return null;
      log = after(log, slot);
      if (slot.epoch === epoch) return log.slot;
    } else {
      const slot = seal({ branchId, epoch, slot: log.slot, previous: log.digest, owner });
      // Rule put-once: what stands there is read, also if it is this very fence.
      yield* sure({ type: 'put', key, body: slot, etag: null });
    }
  }
}

/** A position to read on from. A number: the end, of a log in which there is nothing. Null: somebody else has collected it. */
function* beginning({ branchId, manifest, origin }: Head): Job<Position | number | null> {
  if (manifest !== null) {
    const found = yield* sure({ type: 'get', key: manifestName(branchId, manifest) });
    return found.type === 'found' ? (found.body as Manifest).position : null;
  }
  if (origin === null) return ORIGIN;
  const first = yield* sure({ type: 'get', key: slotName(branchId, BEGUN_SLOT) });
  // An owner before that had not put its fence when it lost the branch never leads.
  return first.type === 'found' ? { ...ORIGIN, slot: BEGUN_SLOT, digest: (first.body as Slot).previous } : BEGUN_SLOT;
}
