/**
 * Deleting a branch: its head becomes a tombstone, its owner meets a fence, and what no other branch needs of it goes. The
 * rest goes with the last branch that has grown from it, and only then may another one have the name.
 *
 * @module
 */

import { branchPrefix, manifestName, parseName, slotName, tableName } from '../names.js';
import {
  after,
  branchedAt,
  type Head,
  type Manifest,
  namedBy,
  ORIGIN,
  type Position,
  type Slot,
  seal,
} from '../objects.js';
import type { Seen } from '../state.js';
import { isLive, unpin } from './fork.js';
import { changeHead, type Hand, type Job, readHead, sure } from './job.js';

/** The id of the branch that had the name; null, if none had. When this ends nothing is written to it any more. */
export function* remove(hand: Hand, name: string): Job<string | null> {
  const seen = yield* readHead(name);
  if (seen === null || seen.head.state === 'gone') return null;
  const { branchId } = seen.head;
  yield* changeHead(hand, seen, (head) => (isLive(head, branchId) ? deleted(head) : null));
  yield* finish(hand, name, branchId);
  return branchId;
}

/** Rule delete-fences: of the epoch before nobody writes any more. */
export function deleted(head: Head): Head {
  return { ...head, state: 'deleted', epoch: head.epoch + 1, fences: null };
}

/** Goes on with a branch that is deleted, as far as that can be. */
export function* finish(hand: Hand, name: string, branchId: string): Job<void> {
  const isDeleted = (seen: Seen | null): seen is Seen =>
    seen?.head.branchId === branchId && seen.head.state === 'deleted';
  for (;;) {
    const seen = yield* readHead(name);
    if (!isDeleted(seen)) return;
    const { head } = seen;
    if (head.fences === null) {
      const fences = yield* sealOff(hand, head);
      // Rule fences-known: which slots hold fences cannot be found out once others are gone.
      const known = { owner: null, manifest: null, retained: [], fences };
      yield* changeHead(hand, seen, (now) =>
        now.branchId === branchId && now.state === 'deleted' && now.fences === null ? { ...now, ...known } : null,
      );
      continue;
    }
    yield* sweep(head);
    // Rule pins-keep: as long as another branch has grown from it the branch needs what it has grown from itself.
    if (head.pins.length > 0) return;
    const { origin } = head;
    let parent: Seen | null = null;
    if (origin !== null && origin.state !== 'released') {
      parent = yield* readHead(origin.name);
      parent = parent?.head.branchId === origin.branchId ? yield* unpin(hand, parent, branchId) : null;
    }
    yield* changeHead(hand, seen, (now) =>
      now.branchId === branchId && now.state === 'deleted' ? { ...now, state: 'gone', origin: null } : null,
    );
    // It may have waited for this one.
    if (parent?.head.state === 'deleted') yield* finish(hand, parent.head.name, parent.head.branchId);
    return;
  }
}

/** Puts a fence where an owner would write next, if there may be one. Answers every fence. */
function* sealOff(hand: Hand, head: Head): Job<readonly number[]> {
  const { branchId, epoch, owner } = head;
  let log = yield* checkpointed(head);
  for (;;) {
    const key = slotName(branchId, log.slot);
    const found = yield* sure({ type: 'get', key });
    let slot: Slot;
    if (found.type === 'found') slot = found.body as Slot;
    else if (owner === null) break;
    else {
      const boot = hand.name();
      slot = seal({ branchId, epoch, slot: log.slot, previous: log.digest, owner: { ...owner, boot, renewMs: null } });
      const put = yield* sure({ type: 'put', key, body: slot, etag: null });
      // What stands there is read first, also if it is this very fence.
      if (put.type !== 'stored') continue;
    }
    log = after(log, slot);
    if (slot.epoch === epoch) break;
  }
  return log.fences.map(({ slot }) => slot);
}

/** Where the newest checkpoint has the log, or where that begins. */
function* checkpointed({ branchId, manifest, origin, wal }: Head): Job<Position> {
  if (manifest === null) return origin === null ? ORIGIN : branchedAt(branchId, 0, 0);
  const found = yield* sure({ type: 'get', key: manifestName(branchId, manifest) });
  // It has gone only if somebody else has got further with this; whatever is found out here is of no use then.
  return found.type === 'found' ? (found.body as Manifest).position : { ...ORIGIN, slot: wal.hint };
}

/** Deletes what no pin needs. */
function* sweep(head: Head): Job<void> {
  const { branchId, pins } = head;
  const live = new Set<string>();
  for (const named of namedBy(head)) {
    const key = manifestName(branchId, named);
    const found = yield* sure({ type: 'get', key });
    live.add(key);
    // If it is not there, whoever needed it has gone meanwhile.
    if (found.type === 'found') for (const table of (found.body as Manifest).tables) live.add(tableName(table));
  }
  const fenced = new Set(head.fences);
  const listed = yield* sure({ type: 'list', prefix: branchPrefix(branchId) });
  const keys = (listed.type === 'listed' ? listed.keys : []).filter((key) => {
    const name = parseName(key);
    // What this version does not know may be of use to those that have grown from the branch.
    if (name === undefined) return pins.length === 0;
    if (name.kind !== 'slot') return !live.has(key);
    // Rule fences-for-ever: where a fence is gone, a put that was sent long ago would succeed.
    return !fenced.has(name.slot) && !pins.some(({ slots: { from, to } }) => name.slot >= from && name.slot < to);
  });
  if (keys.length > 0) yield* sure({ type: 'delete', keys });
}
