/**
 * Collecting: what no head will ever name again is deleted. The head is changed first; then everything it still names is
 * read, what there is is listed, and the difference goes. No clock is asked, and a node that has been overtaken may finish:
 * what is named by no manifest that a head keeps, and is not on its way to one, can never be named again.
 *
 * @module
 */

import { propose } from './head.js';
import { branchPrefix, manifestName, parseName, tableName } from './names.js';
import { type Fence, type Head, type Manifest, namedBy } from './objects.js';
import { ask, forget, type Part, type Turn } from './turn.js';

export function beginCollection(turn: Turn): void {
  const { branchId, epoch, settings, checkpoint, n, collection, changes, changing } = turn.state;
  const begun = [changing?.change, ...changes].some((change) => change?.kind === 'collect');
  if (collection !== null || begun) return;
  // Rule in-flight: what a checkpoint under way has uploaded is not named yet, and is needed.
  const settled = checkpoint === null ? n : checkpoint.firstN - 1;
  propose(turn, { kind: 'collect', branchId, epoch, boot: settings.owner.boot, n: settled });
}

/** Rule head-before-deleting: only once the head has let go of them are objects deleted. */
export function collectWon(turn: Turn): void {
  const { head } = turn.state;
  if (head === null) return;
  turn.state.collection = { head: head.head, unread: namedBy(head.head), live: [] };
  spare(turn);
}

/** Reads the next manifest that is kept, or, if there is none left, goes on. */
function spare(turn: Turn): void {
  const { collection, branchId } = turn.state;
  if (collection === null) return;
  const [named, ...unread] = collection.unread;
  if (named === undefined) return ask(turn, 'listing', { type: 'list', prefix: branchPrefix(branchId) });
  const key = manifestName(branchId, named);
  turn.state.collection = { ...collection, unread, live: [...collection.live, key] };
  ask(turn, 'sparing', { type: 'get', key });
}

export const sparing: Part = {
  answered(turn, answer) {
    const { collection } = turn.state;
    if (collection === null) return;
    // Rule unread-spares: whoever cannot read what is live deletes nothing.
    if (answer.type !== 'found') return endCollection(turn);
    const { tables } = answer.body as Manifest;
    turn.state.collection = { ...collection, live: [...collection.live, ...tables.map(tableName)] };
    spare(turn);
  },
};

export const listing: Part = {
  answered(turn, answer) {
    const { collection, log } = turn.state;
    if (collection === null || answer.type !== 'listed') return;
    const keys = doomed(collection.head, new Set(collection.live), log.fences, answer.keys);
    if (keys.length > 0) ask(turn, 'deleting', { type: 'delete', keys });
    else endCollection(turn);
  },
};

export const deleting: Part = { answered: endCollection };

function endCollection(turn: Turn): void {
  turn.state.collection = null;
  forget(turn, (purpose) => purpose === 'sparing' || purpose === 'listing' || purpose === 'deleting');
}

function doomed(
  { wal, collected }: Head,
  live: ReadonlySet<string>,
  fences: readonly Fence[],
  keys: readonly string[],
): readonly string[] {
  const fenced = new Set(fences.map(({ slot }) => slot));
  return keys.filter((key) => {
    const name = parseName(key);
    if (name === undefined || live.has(key)) return false;
    // Rule fences-for-ever: where a fence is gone, a put that was sent long ago would succeed.
    if (name.kind === 'slot') return name.slot < wal.floor && !fenced.has(name.slot);
    // Rule later-spared: what a successor, or a checkpoint under way, has uploaded is not named yet.
    return name.epoch < collected.epoch || (name.epoch === collected.epoch && name.n <= collected.n);
  });
}
