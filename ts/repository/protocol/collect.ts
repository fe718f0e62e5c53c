/**
 * Collecting: what no head will ever name again is deleted. The head is changed first; then everything it still names is
 * read, what there is is listed, and the difference goes. No clock is asked, and a node that has been overtaken may finish:
 * what is named by no manifest that a head keeps, and is not on its way to one, can never be named again.
 *
 * A manifest never changes and its name is never given twice, so what one names is read once, and not at all by whoever wrote it.
 *
 * @module
 */

import { propose } from './head.js';
import { branchPrefix, manifestName, parseName, slotName, tableName } from './names.js';
import { type Head, type Manifest, namedBy } from './objects.js';
import type { Known } from './state.js';
import { ask, forget, type Part, type Turn } from './turn.js';

/** So many names of tables are remembered, of which most are the same texts: some tens of megabytes. */
const NAMES_MAX = 1 << 20;

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
  const { known, branchId } = turn.state;
  const kept = namedBy(head.head).map((named) => manifestName(branchId, named));
  turn.state.known = Object.fromEntries(kept.flatMap((key) => (known[key] ? [[key, known[key]]] : [])));
  turn.state.collection = { head: head.head, kept, unread: kept.filter((key) => known[key] === undefined) };
  spare(turn);
}

/** Reads the next manifest that is kept and not known, or, if there is none left, goes on. */
function spare(turn: Turn): void {
  const { collection, branchId } = turn.state;
  if (collection === null) return;
  const [key, ...unread] = collection.unread;
  if (key === undefined) {
    // Slots that are kept come last in a list, and are the most.
    const before = slotName(branchId, collection.head.wal.floor);
    return ask(turn, 'listing', { type: 'list', prefix: branchPrefix(branchId), before });
  }
  turn.state.collection = { ...collection, unread };
  ask(turn, 'sparing', { type: 'get', key });
}

/** What a manifest names need not be read any more. */
export function know(turn: Turn, manifest: Manifest): void {
  const { known, branchId } = turn.state;
  // Neighbours name the same tables for the most part: one text serves them all.
  const neighbour = Object.values(known).at(-1) ?? [];
  const before = new Map(neighbour.map((name) => [name, name]));
  const names = manifest.tables.map(tableName).map((name) => before.get(name) ?? name);
  turn.state.known = { ...known, [manifestName(branchId, manifest)]: names };
}

export const sparing: Part = {
  answered(turn, answer) {
    if (turn.state.collection === null) return;
    // Rule unread-spares: whoever cannot read what is live deletes nothing.
    if (answer.type !== 'found') return endCollection(turn);
    know(turn, answer.body as Manifest);
    spare(turn);
  },
};

export const listing: Part = {
  answered(turn, answer) {
    const { collection, known, log } = turn.state;
    if (collection === null || answer.type !== 'listed') return;
    const live = new Set(collection.kept.flatMap((key) => [key, ...(known[key] ?? [])]));
    const keys = doomed(collection.head, live, new Set(log.fences.map(({ slot }) => slot)), answer.keys);
    if (keys.length > 0) ask(turn, 'deleting', { type: 'delete', keys });
    else endCollection(turn);
  },
};

export const deleting: Part = { answered: endCollection };

function endCollection(turn: Turn): void {
  turn.state.collection = null;
  turn.state.known = bounded(turn.state.known);
  forget(turn, (purpose) => purpose === 'sparing' || purpose === 'listing' || purpose === 'deleting');
}

/** The newest of them; what is left out is read again by each collection. */
function bounded(known: Known): Known {
  let names = 0;
  const within: [string, readonly string[]][] = [];
  // Names of manifests are in order.
  for (const key of Object.keys(known).sort().reverse()) {
    const tables = known[key] as readonly string[];
    names += 1 + tables.length;
    if (names <= NAMES_MAX) within.unshift([key, tables]);
  }
  return Object.fromEntries(within);
}

/** Of these names those of objects that a head which has let go of them does not keep. */
export function doomed(
  { wal, collected, pins }: Head,
  live: ReadonlySet<string>,
  fenced: ReadonlySet<number>,
  keys: readonly string[],
): readonly string[] {
  return keys.filter((key) => {
    const name = parseName(key);
    if (name === undefined || live.has(key)) return false;
    if (name.kind === 'slot') {
      // Rule pinned-slots: another branch begins with these.
      if (pins.some(({ slots: { from, to } }) => name.slot >= from && name.slot < to)) return false;
      // Rule fences-for-ever: where a fence is gone, a put that was sent long ago would succeed.
      return name.slot < wal.floor && !fenced.has(name.slot);
    }
    // Rule later-spared: what a successor, or a checkpoint under way, has uploaded is not named yet.
    return name.epoch < collected.epoch || (name.epoch === collected.epoch && name.n <= collected.n);
  });
}
