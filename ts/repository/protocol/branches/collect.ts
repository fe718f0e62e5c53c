/**
 * Collecting a branch that nobody has open, as its owner does it after a checkpoint: the head lets go first, then what it still
 * names is read, what there is is listed, and the difference goes. Nobody is about to name anything: whoever takes the branch
 * meanwhile does so in a later epoch. Of a branch that is deleted, what was on its way when it was goes too.
 *
 * @module
 */

import { slimmer } from '../change.js';
import { doomed } from '../collect.js';
import { branchPrefix, manifestName, NUMBER_MAX, slotName, tableName } from '../names.js';
import { type Fence, type Head, type Manifest, namedBy } from '../objects.js';
import { unneeded } from './finish.js';
import { changeHead, type Hand, type Job, readHead, sure } from './job.js';
import { deleted } from './remove.js';

/** Answers the names of what has been deleted. What an owner has is left to him. */
export function* collect(hand: Hand, name: string): Job<readonly string[]> {
  const seen = yield* readHead(name);
  if (seen === null) return [];
  const { branchId, state } = seen.head;
  let head: Head | undefined = seen.head;
  if (state === 'live' && !isSlim(seen.head)) {
    // Rule cold-head-first: only once the head has let go of them are objects deleted.
    head = (yield* changeHead(hand, seen, (now) =>
      now.branchId === branchId && now.state === 'live' ? slim(now) : null,
    ))?.head;
  }
  const keys = head === undefined ? [] : yield* collectable(head);
  if (keys.length > 0) yield* sure({ type: 'delete', keys });
  return keys;
}

/** The names of what would be deleted. `isOver`: the branch as well. */
export function* collectable(head: Head, isOver = false): Job<readonly string[]> {
  if (isOver) return yield* unneeded({ ...deleted(head), manifest: null, retained: [], fences: [] });
  // Of one that is about to be deleted it is not known yet where its fences are.
  if (head.state !== 'live') return head.fences === null ? [] : yield* unneeded(head);
  const now = slim(head);
  return now === null ? [] : yield* unnamed(now);
}

/** The head of a branch that nobody has, when it has let go of everything that the policy does not ask for. */
function slim(head: Head): Head | null {
  // Rule left-to-owner: of what an owner has stored in this epoch nobody else knows what he is about to name.
  return head.owner === null ? slimmer(head, NUMBER_MAX) : null;
}

function isSlim(head: Head): boolean {
  const { retained, wal, collected } = slim(head) ?? head;
  const isSame = collected.epoch === head.collected.epoch && collected.n === head.collected.n;
  return isSame && retained.length === head.retained.length && wal.floor === head.wal.floor;
}

/** What is there of a branch, and its head does not name. */
function* unnamed(head: Head): Job<readonly string[]> {
  const { branchId, wal, manifest } = head;
  const live = new Set<string>();
  let fences: readonly Fence[] = [];
  for (const named of namedBy(head)) {
    const key = manifestName(branchId, named);
    const found = yield* sure({ type: 'get', key });
    // Rule cold-spares: whoever cannot read what is live deletes nothing.
    if (found.type !== 'found') return [];
    const { tables, position } = found.body as Manifest;
    for (const name of [key, ...tables.map(tableName)]) live.add(name);
    // Rule cold-fences: the newest knows all fences below the floor, and none may go.
    if (named.epoch === manifest?.epoch && named.n === manifest.n) fences = position.fences;
  }
  const fenced = new Set(fences.map(({ slot }) => slot));
  const listed = yield* sure({ type: 'list', prefix: branchPrefix(branchId), before: slotName(branchId, wal.floor) });
  return doomed(head, live, fenced, listed.type === 'listed' ? listed.keys : []);
}
