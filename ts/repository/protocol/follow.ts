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
import { after, type Head, type Manifest, ORIGIN, type Slot, sha256 } from './objects.js';
import { baseOf, endRestore, reached } from './restore.js';
import { askHere, fail, getHead, getSlot, go, type Part, type Turn } from './turn.js';

export const opening: Part = {
  enter: (turn) => askHere(turn, getHead(turn)),
  answered(turn, answer) {
    if (answer.type === 'found') return begin(turn, see(turn, answer));
    // Rule never-anew: a store that has lost its branch is not taken for an empty one.
    if (turn.state.branchId !== '') return fail(turn, 'the head of the branch is gone');
    go(turn, turn.state.settings.mode === 'replica' ? 'waiting' : 'creating');
  },
};

/** From where this node has got to, or, if slots after that are gone, from the manifest of the head. */
function begin(turn: Turn, head: Head): void {
  const { state } = turn;
  // Rule begin-above-floor: what the log on this disk lacks may have been collected.
  if (state.branchId === head.branchId && head.wal.floor <= state.log.checked) return go(turn, 'reading');
  // Rule never-another: what this disk holds is not thrown away for something else of the same name.
  if (state.branchId !== '' && state.branchId !== head.branchId)
    return fail(turn, 'the branch of this name is another one');
  state.branchId = head.branchId;
  state.manifest = null;
  state.base = baseOf(head, state.settings.until);
  if (state.base === null && head.wal.floor > ORIGIN.slot)
    return fail(turn, 'no checkpoint that is kept is as old as that');
  go(turn, state.base === null ? 'installing' : 'regrowing');
}

export const regrowing: Part = {
  enter(turn) {
    const { branchId, base } = turn.state;
    if (base !== null) askHere(turn, { type: 'get', key: manifestName(branchId, base) });
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
  enter: (turn) => askHere(turn, { type: 'install', manifest: turn.state.manifest }),
  answered(turn, answer) {
    if (answer.type !== 'done') return go(turn, 'opening');
    const { manifest } = turn.state;
    turn.state.log = manifest?.position ?? ORIGIN;
    turn.state.logged = manifest?.seq ?? 0;
    go(turn, reached(turn, manifest?.revision ?? ORIGIN.revision) ? 'restored' : 'reading');
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
    const { log, slot, settings } = turn.state;
    if (slot === null) return;
    const position = after(log, slot);
    const { records } = slot;
    if (records !== undefined) askHere(turn, { type: 'apply', records, position, until: settings.until });
    // Rule foreign-fence-cuts: what this disk holds beyond another node's fence was never shipped, and never will be.
    else if (slot.owner?.disk !== settings.owner.disk) askHere(turn, { type: 'cut', position });
    else advance(turn, turn.state.logged);
  },
  answered(turn, _answer, request) {
    const { logged } = turn.state;
    if (request.type === 'cut') advance(turn, request.position.seq);
    else if (request.type === 'apply') advance(turn, Math.max(logged, request.position.seq));
  },
};

function advance(turn: Turn, logged: number): void {
  const { state } = turn;
  const { log, slot } = state;
  if (slot === null) return;
  state.log = after(log, slot);
  state.logged = logged;
  state.slot = null;
  if (reached(turn, state.log.revision, slot.records?.timeMs)) go(turn, 'restored');
  else go(turn, eager(state) ? 'ending' : 'reading');
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
    // Rule end-of-log: below the floor, nothing says nothing.
    if (head.branchId !== state.branchId || head.wal.floor > state.log.checked) return begin(turn, head);
    if (state.slot !== null) return fail(turn, 'the log does not chain');
    state.log = { ...state.log, checked: state.log.slot };
    if (state.settings.until !== null) return endRestore(turn, state.settings.until);
    go(turn, due(state, turn.nowMs) ? 'claiming' : 'waiting');
  },
};

export const waiting: Part = {
  enter: (turn) => askHere(turn, { type: 'wait', ms: turn.state.settings.pollMs }),
  answered: (turn) => go(turn, turn.state.branchId === '' ? 'opening' : 'reading'),
};
