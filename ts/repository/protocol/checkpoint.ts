/**
 * A checkpoint: the engine's tables go to the store beside the log, then a manifest, then the head names it. Writers wait
 * for none of it. A table that the manifest of the head names is never uploaded again; nothing else counts as uploaded,
 * for what no head names may be collected at any time.
 *
 * @module
 */

import { know } from './collect.js';
import { judge } from './depose.js';
import { propose } from './head.js';
import { manifestName, tableName } from './names.js';
import { type Manifest, type Named, sha256, type Table } from './objects.js';
import type { Answer, Checkpoint, Request } from './state.js';
import { ask, getHead, isHead, type Part, type Turn } from './turn.js';

export function beginCheckpoint(turn: Turn, own: boolean): void {
  const { state } = turn;
  if (state.checkpoint !== null || state.overtaken || state.closing) return;
  // Rule flush-remembers: the disk remembers a position from which the log is kept, whatever is collected after this.
  const { log: position } = state;
  state.checkpoint = { position, firstN: state.n + 1, own, flushed: null, tables: null, uploading: 0, manifest: null };
  ask(turn, 'flushing', { type: 'flush', position });
}

export const flushing: Part = {
  answered(turn, answer) {
    const { checkpoint, head, branchId, manifest } = turn.state;
    if (checkpoint === null || answer.type !== 'flushed') return;
    turn.state.checkpoint = { ...checkpoint, flushed: answer.flushed };
    // Rule foreign-kept: what the branch has begun with is in the store, and kept there.
    const named = head?.head.manifest ?? head?.head.origin?.manifest;
    const key = named && manifestName(named.of ?? branchId, named);
    if (key && (manifest === null || key !== manifestName(manifest.branchId, manifest))) {
      ask(turn, 'comparing', { type: 'get', key });
    } else upload(turn);
  },
};

/** What a new owner has to read first: the manifest of the head, which says what the store has. */
export const comparing: Part = {
  answered(turn, answer, request) {
    if (isHead(request)) return judge(turn, answer, 'a manifest that the head names is missing');
    // Rule doubt-yourself: it may be gone because a successor, of whom nothing is known here yet, has collected it.
    if (answer.type !== 'found') return ask(turn, 'comparing', getHead(turn));
    turn.state.manifest = answer.body as Manifest;
    know(turn, turn.state.manifest);
    upload(turn);
  },
};

function upload(turn: Turn): void {
  const { state } = turn;
  const { checkpoint, branchId, epoch } = state;
  if (checkpoint === null || checkpoint.flushed === null) return;
  // Rule head-names: only what the manifest of the head names is surely there, and stays.
  const there = new Map(state.manifest?.tables.map((table) => [table.id, table]));
  const missing: Table[] = [];
  const tables = checkpoint.flushed.tables.map((made) => {
    const known = there.get(made.id);
    if (known !== undefined && (known.branchId === branchId || !checkpoint.own)) return known;
    // Rule fresh-name: a name is never given twice, or a late upload of the first would pass for the second.
    state.n += 1;
    const table: Table = { ...made, branchId, epoch, n: state.n };
    missing.push(table);
    return table;
  });
  state.checkpoint = { ...checkpoint, tables, uploading: missing.length };
  for (const table of missing) put(turn, 'uploading', tableName(table), table);
  publish(turn, state.checkpoint);
}

function put(turn: Turn, purpose: 'uploading' | 'publishing', key: string, body: Table | Manifest): void {
  ask(turn, purpose, { type: 'put', key, body, etag: null });
}

/**
 * Whether an object under a name of our own is stored. A refusal does not say so: it may be the answer to a put that met
 * another one of ours and of which neither succeeded. So it is looked for, and put again if it is not there.
 */
function stored(turn: Turn, answer: Answer, { type, key }: Request & { key: string }, body: Table | Manifest): boolean {
  const purpose = 'tables' in body ? 'publishing' : 'uploading';
  // Rule look-again: only what has been stored, or seen, is there.
  if (answer.type === 'lost') ask(turn, purpose, { type: 'look', key });
  else if (type === 'look' && answer.type === 'missing') put(turn, purpose, key, body);
  else return true;
  return false;
}

export const uploading: Part = {
  answered(turn, answer, request) {
    const { checkpoint } = turn.state;
    const table = checkpoint?.tables?.find((table) => 'key' in request && tableName(table) === request.key);
    if (!checkpoint || !table || !('key' in request) || !stored(turn, answer, request, table)) return;
    turn.state.checkpoint = { ...checkpoint, uploading: checkpoint.uploading - 1 };
    publish(turn, turn.state.checkpoint);
  },
};

/** The log has got further. */
export function covered(turn: Turn): void {
  if (turn.state.checkpoint !== null) publish(turn, turn.state.checkpoint);
}

function publish(turn: Turn, checkpoint: Checkpoint): void {
  const { state } = turn;
  const { flushed, position, tables, manifest } = checkpoint;
  // Rule all-uploaded: a manifest names nothing that is not stored.
  if (flushed === null || tables === null || checkpoint.uploading > 0) return;
  // Rule covered: it says nothing that the log in the store does not say.
  if (flushed.seq > state.log.seq || manifest !== null) return;
  const { branchId, epoch } = state;
  const { seq, revision, timeMs, engine } = flushed;
  state.n += 1;
  const body: Manifest = { branchId, epoch, n: state.n, seq, revision, timeMs, position, engine, tables };
  state.checkpoint = { ...checkpoint, manifest: body };
  ask(turn, 'publishing', { type: 'put', key: manifestName(branchId, body), body, etag: null });
}

export const publishing: Part = {
  answered(turn, answer, request) {
    const { checkpoint, branchId, epoch, settings, log } = turn.state;
    if (!checkpoint?.flushed || checkpoint.manifest === null || !('key' in request)) return;
    if (!stored(turn, answer, request, checkpoint.manifest)) return;
    const { n, seq, revision, timeMs, position } = checkpoint.manifest;
    const digest = sha256(JSON.stringify(checkpoint.manifest));
    const floor = position.slot;
    const manifest: Named = { epoch, n, sha256: digest, seq, revision, timeMs, floor, end: log.slot };
    const { trimRevision } = checkpoint.flushed;
    const { boot } = settings.owner;
    propose(turn, { kind: 'checkpoint', branchId, epoch, boot, manifest, slot: log.slot, trimRevision });
  },
};

/** The head names it. */
export function checkpointWon(turn: Turn): void {
  const { state } = turn;
  const manifest = state.checkpoint?.manifest ?? null;
  if (manifest === null) return;
  state.manifest = manifest;
  state.checkpoint = null;
  know(turn, manifest);
  turn.actions.push({ type: 'published', seq: manifest.seq });
}
