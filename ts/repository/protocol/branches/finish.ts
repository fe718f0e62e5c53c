/**
 * A branch that is deleted, and what is left to be done: its owner meets a fence, and what no other branch needs of it goes. The
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
  type Origin,
  type Position,
  type Slot,
  seal,
} from '../objects.js';
import type { Seen } from '../state.js';
import { changeHead, type Hand, type Job, readHead, sure } from './job.js';
import { stand, unpin } from './retired.js';
import { settlePins } from './settle.js';

/** Whether a branch is deleted, and whoever did that may not have come as far as that can be. */
export function isUnfinished({ state, fences, pins }: Head): boolean {
  return state === 'deleted' && (fences === null || pins.length === 0);
}

/** Goes on with a branch that is deleted, as far as that can be. */
export function* finish(hand: Hand, name: string, branchId: string): Job<void> {
  const isDeleted = (seen: Seen | null): seen is Seen =>
    seen?.head.branchId === branchId && seen.head.state === 'deleted';
  for (;;) {
    const seen = yield* readHead(name);
    if (!isDeleted(seen)) return;
    const { head } = seen;
    if (head.retiring !== null) {
      yield* retire(hand, head);
      continue;
    }
    if (head.fences === null) {
      const fences = yield* sealOff(hand, head);
      // Rule fences-known: which slots hold fences cannot be found out once others are gone.
      const known = { owner: null, manifest: null, retained: [], fences };
      yield* changeHead(hand, seen, (now) =>
        now.branchId === branchId && now.state === 'deleted' && now.fences === null ? { ...now, ...known } : null,
      );
      continue;
    }
    if (head.pins.some(({ state }) => state === 'reserved')) {
      yield* settlePins(hand, seen);
      continue;
    }
    const keys = yield* unneeded(head);
    if (keys.length > 0) yield* sure({ type: 'delete', keys });
    // Rule pins-keep: as long as another branch has grown from it the branch needs what it has grown from itself.
    if (head.pins.length > 0) return;
    yield* letGo(hand, head.origin, branchId);
    yield* changeHead(hand, seen, (now) =>
      now.branchId === branchId && now.state === 'deleted' ? { ...now, state: 'gone', origin: null } : null,
    );
    return;
  }
}

/** A branch needs nothing any more of the one that it has grown from, which may have waited for that. */
export function* letGo(hand: Hand, origin: Origin | null, branchId: string): Job<void> {
  if (origin === null || origin.state === 'released') return;
  const parent = yield* unpin(hand, origin, branchId);
  if (parent?.head.state === 'deleted') yield* finish(hand, parent.head.name, parent.head.branchId);
}

/** Goes on with the branch that another one has replaced. */
export function* retire(hand: Hand, { name, retiring }: Head): Job<void> {
  if (retiring === null) return;
  yield* stand(hand, retiring);
  yield* finish(hand, retiring.name, retiring.branchId);
  // Rule retired-whole: nobody else knows that there is something left to be done.
  yield* changeHead(hand, yield* readHead(name), (now) =>
    now.retiring?.branchId === retiring.branchId ? { ...now, retiring: null } : null,
  );
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

/** What a branch that is deleted still has, and no pin needs. */
export function* unneeded(head: Head): Job<readonly string[]> {
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
  return (listed.type === 'listed' ? listed.keys : []).filter((key) => {
    const name = parseName(key);
    // What this version does not know may be of use to those that have grown from the branch.
    if (name === undefined) return pins.length === 0;
    if (name.kind !== 'slot') return !live.has(key);
    // Rule fences-for-ever: where a fence is gone, a put that was sent long ago would succeed.
    return !fenced.has(name.slot) && !pins.some(({ slots: { from, to } }) => name.slot >= from && name.slot < to);
  });
}
