/**
 * Following a branch, and growing back: head, manifest, tables, then slot after slot to the end of the log. This is how
 * a database is opened, how an empty disk regrows, how replicas and standbys keep up, and how a new owner makes sure that
 * it has read everything below its fence. There is no other way to come to a state.
 *
 * @module
 */

import { due, eager, stopClaiming } from './claim.js';
import { see } from './head.js';
import { manifestName } from './names.js';
import { after, type Head, type Manifest, ORIGIN, type Position, type Slot, sha256, type Until } from './objects.js';
import { baseOf, momentsAhead, onwards } from './origin.js';
import type { Held } from './state.js';
import { askHere, fail, getHead, getSlot, go, type Part, type Turn } from './turn.js';

export const opening: Part = {
  enter: (turn) => askHere(turn, getHead(turn)),
  answered(turn, answer) {
    const isNew = turn.state.branchId === '';
    if (answer.type !== 'found') turn.state.head = null;
    else {
      const head = see(turn, answer);
      if (head.state !== 'gone' || !isNew) return begin(turn, head);
    }
    // Rule never-anew: a store that has lost its branch is not taken for an empty one.
    if (!isNew) return fail(turn, 'the head of the branch is gone');
    go(turn, turn.state.settings.mode === 'replica' ? 'waiting' : 'creating');
  },
};

/** From where this node has got to, or, if slots after that are gone, from the manifest of the head. */
function begin(turn: Turn, head: Head): void {
  const { state } = turn;
  const { log, settings } = state;
  // Rule replaced-anew: what a disk holds of a branch that another one has replaced is what was to go.
  const isSame = state.branchId === head.branchId || head.lineage.includes(state.branchId);
  // Rule never-another: what this disk holds is not thrown away for something else of the same name.
  if (state.branchId !== '' && !isSame) return fail(turn, 'the branch of this name is another one');
  // Rule deleted-stays: nobody has a branch again that was deleted.
  if (head.state !== 'live') return fail(turn, 'the branch has been deleted');
  // Rule tag-stays: what a tag names is the same for ever.
  if (head.kind === 'tag' && settings.mode !== 'replica') return fail(turn, 'the branch is a tag');
  // Rule begin-above-floor: what the log on this disk lacks may have been collected.
  const isKept = log.of === undefined ? head.wal.floor <= log.checked : head.origin?.state === 'pinned';
  if (state.branchId === head.branchId && isKept) return readOn(turn, log);
  const base = baseOf(head, settings.until, settings.oldest);
  if (base === undefined) return fail(turn, 'no checkpoint that is kept is as old as that');
  // What is known of the log of another branch says nothing here.
  if (state.branchId !== head.branchId) state.log = ORIGIN;
  state.branchId = head.branchId;
  state.manifest = null;
  state.base = base;
  go(turn, base === null ? 'installing' : 'regrowing');
}

export const regrowing: Part = {
  enter(turn) {
    const { branchId, base } = turn.state;
    if (base !== null) askHere(turn, { type: 'get', key: manifestName(base.of ?? branchId, base) });
  },
  answered(turn, answer) {
    // Rule gone-begin-again: what the head named a moment ago has been collected since.
    if (answer.type !== 'found') return go(turn, 'opening');
    if (sha256(JSON.stringify(answer.body)) !== turn.state.base?.sha256) {
      return fail(turn, 'a manifest is not the one that the head names');
    }
    turn.state.manifest = answer.body as Manifest;
    go(turn, 'installing');
  },
};

export const installing: Part = {
  enter(turn) {
    const { manifest, branchId, head, base } = turn.state;
    const of = base === null ? head?.head.origin?.stretches[0]?.branchId : base.of;
    const position = { ...(manifest?.position ?? ORIGIN), ...(of !== undefined && of !== branchId && { of }) };
    const next = onwards(turn.state, position, manifest ?? ORIGIN);
    askHere(turn, { type: 'install', manifest, position: next ?? position });
  },
  answered(turn, answer, request) {
    if (answer.type !== 'done' || request.type !== 'install') return go(turn, 'opening');
    const { manifest } = turn.state;
    turn.state.log = request.position;
    turn.state.logged = manifest?.seq ?? 0;
    turn.state.heldRevision = (manifest ?? ORIGIN).revision;
    if (onwards(turn.state, request.position, manifest ?? ORIGIN) === null) go(turn, 'restored');
    else readOn(turn, request.position);
  },
};

export const reading: Part = {
  enter: (turn) => askHere(turn, getSlot(turn)),
  answered(turn, answer) {
    const { state } = turn;
    state.slot = answer.type === 'found' ? (answer.body as Slot) : null;
    // Rule fence: nobody leads whose fence does not stand where the owner before would write next.
    if (state.slot === null) return go(turn, state.epoch > 0 ? 'fencing' : 'ending');
    const { previous, epoch } = state.slot;
    // Rule chain: a slot that does not follow from the one before it is not believed.
    if (previous !== state.log.digest || epoch < state.log.epoch) return go(turn, 'ending');
    // Rule higher-epoch: whoever put this slot has taken the branch since.
    if (state.epoch > 0 && epoch > state.epoch) return stopClaiming(turn);
    state.aliveMs = turn.nowMs;
    go(turn, epoch === state.epoch ? 'confirming' : 'applying');
  },
};

/** A slot that has been read is final: whoever comes later reads it too. */
export const applying: Part = {
  enter(turn) {
    const { log, slot, settings, logged: seq, heldRevision: revision } = turn.state;
    if (slot === null) return;
    const position = after(log, slot);
    const { records } = slot;
    if (records !== undefined) {
      const isWithin = onwards(turn.state, position, position, records.timeMs) === position;
      const until = momentsAhead(turn.state, log);
      askHere(turn, { type: 'apply', records, position: isWithin ? position : null, until });
    } else if (log.of !== undefined) advance(turn, { seq, revision });
    // Rule foreign-fence-cuts: what this disk holds beyond another node's fence was never shipped, and never will be.
    else if (slot.owner?.disk !== settings.owner.disk) askHere(turn, { type: 'cut', position });
    else advance(turn, { seq, revision });
  },
  answered(turn, answer, request) {
    if (request.type === 'cut') advance(turn, request.position);
    else if (request.type === 'remember') readOn(turn, request.position);
    else if (answer.type === 'applied') advance(turn, answer);
  },
};

function advance(turn: Turn, held: Held): void {
  const { state } = turn;
  const { log, slot } = state;
  if (slot === null) return;
  const position = after(log, slot);
  const next = onwards(state, position, held, slot.records?.timeMs);
  state.logged = held.seq;
  state.heldRevision = held.revision;
  state.slot = null;
  if (next === position) return readOn(turn, position);
  // Rule begun-remembered: a disk that holds records of the next log does not begin again with the one before.
  if (next !== null) return askHere(turn, { type: 'remember', position: next, forCommits: false });
  state.log = position;
  go(turn, 'restored');
}

function readOn(turn: Turn, position: Position): void {
  turn.state.log = position;
  if (!eager(turn.state)) go(turn, 'reading');
  // Nothing was read that might have been collected meanwhile.
  else go(turn, position.checked === position.slot ? 'claiming' : 'ending');
}

/**
 * There is no slot, or one that does not fit. It is the end of the log only if the head, read afterwards, still keeps
 * every slot that was read: in a slot that had been collected there may be nothing, or the fence of someone too late.
 */
export const ending: Part = {
  enter: (turn) => askHere(turn, getHead(turn)),
  answered(turn, answer) {
    if (answer.type !== 'found') return fail(turn, 'the head of the branch is gone');
    const { state } = turn;
    const head = see(turn, answer);
    if (state.epoch > 0) return stopClaiming(turn);
    const { log } = state;
    // What a branch has grown from is all there as long as it is pinned.
    if (log.of !== undefined && head.branchId === state.branchId && head.origin?.state === 'pinned')
      return fail(turn, 'the log that the branch has grown from is not whole');
    // Rule end-of-log: below the floor, nothing says nothing.
    const isAbove = log.of === undefined && head.state === 'live' && head.wal.floor <= log.checked;
    if (head.branchId !== state.branchId || !isAbove) return begin(turn, head);
    if (state.slot !== null) return fail(turn, 'the log does not chain');
    state.log = { ...log, checked: log.slot };
    if (state.settings.until !== null) return endRestore(turn, state.settings.until);
    go(turn, due(state, turn.nowMs) ? 'claiming' : 'waiting');
  },
};

/** The log has ended. All there is was committed before now; a revision that is not there has never been. */
function endRestore(turn: Turn, until: Until): void {
  if ('revision' in until) fail(turn, `the branch has not got to revision ${until.revision}`);
  else go(turn, 'restored');
}

export const waiting: Part = {
  enter: (turn) => askHere(turn, { type: 'wait', ms: turn.state.settings.pollMs }),
  answered: (turn) => go(turn, turn.state.branchId === '' ? 'opening' : 'reading'),
};
