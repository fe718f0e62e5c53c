/**
 * Taking a branch: the head first (epoch + 1, owner), then every slot to the end, then a fence in the first empty one,
 * then the head again. A predecessor that is still at work, with one put in flight, finds the fence in its very next
 * slot; what it got into the log below the fence has been read by then.
 *
 * @module
 */

import { owns } from './change.js';
import { propose, see } from './head.js';
import { slotName } from './names.js';
import { after, seal, sha256 } from './objects.js';
import type { State } from './state.js';
import { ask, askHere, getHead, go, type Part, type Turn } from './turn.js';

/** Whether a follower at the end of the log should take the branch now. */
export function due({ settings, head, told, aliveMs }: State, nowMs: number): boolean {
  if (head === null || settings.mode === 'replica') return false;
  const { owner } = head.head;
  // Whoever owned it from this disk is dead: two processes never hold a disk.
  if (settings.mode === 'writer' || told || owner === null || owner.disk === settings.owner.disk) return true;
  // Rule promised: whoever never said that it would show signs of life is not taken for dead.
  return owner.renewMs !== null && nowMs - aliveMs >= settings.takeoverMs;
}

/**
 * Whether a follower need not have seen the end of the log to take the branch. Rule eager: whoever is to take it would
 * wait for ever for the end of a log that grows faster than it reads.
 */
export function eager({ settings, head, told, log, epoch }: State): boolean {
  if (log.of !== undefined) return false;
  return epoch === 0 && head !== null && (settings.mode === 'writer' || told) && log.slot >= head.head.wal.hint;
}

export const creating: Part = {
  enter(turn) {
    const { settings, head, nonces } = turn.state;
    const { branch: name, newBranchId, owner, policy } = settings;
    // Rule fresh-id: a branch that was made by an attempt before may have been deleted since.
    const branchId = nonces === 0 ? newBranchId : sha256(`${newBranchId} ${nonces}`).slice(0, newBranchId.length);
    propose(turn, { kind: 'create', over: head?.head.nonce ?? null, name, branchId, owner, policy });
  },
};

export const claiming: Part = {
  enter(turn) {
    const { settings, head, log, branchId, told } = turn.state;
    const { owner, mode } = settings;
    if (head === null) return go(turn, 'reading');
    const forced = mode === 'writer' || told || head.head.owner?.disk === owner.disk;
    const silentSince = forced ? null : head.head.nonce;
    propose(turn, { kind: 'claim', branchId, epoch: head.head.epoch + 1, owner, slot: log.slot, silentSince });
  },
};

/** The head is won. Whoever has not seen every slot that is known to exist reads on, now on the way to its fence. */
export function claimWon(turn: Turn, epoch: number): void {
  turn.state.epoch = epoch;
  turn.state.told = false;
  turn.state.n = 0;
  const { head, log } = turn.state;
  // Where nothing is known to stand the fence may: if something does, it is refused.
  go(turn, head?.head.wal.hint === log.slot ? 'fencing' : 'reading');
}

export function stopClaiming(turn: Turn): void {
  turn.state.epoch = 0;
  turn.state.reason = 'another node has taken the branch';
  go(turn, turn.state.settings.mode === 'writer' ? 'deposed' : 'reading');
}

export const fencing: Part = {
  enter(turn) {
    const { branchId, epoch, log, settings } = turn.state;
    const { owner } = settings;
    const body = seal({ branchId, epoch, slot: log.slot, previous: log.digest, owner });
    turn.state.slot = body;
    // Rule put-once: a slot is created where nothing stands, or not at all.
    askHere(turn, { type: 'put', key: slotName(branchId, log.slot), body, etag: null });
  },
  // Occupied: by a slot of the owner before, which is read first, or by this very fence, which is recognised there.
  answered: (turn, answer) => go(turn, answer.type === 'stored' ? 'confirming' : 'reading'),
};

export const confirming: Part = {
  enter(turn) {
    const { log, slot } = turn.state;
    if (slot !== null) turn.state.log = after(log, slot);
    askHere(turn, getHead(turn));
  },
  answered(turn, answer) {
    if (answer.type !== 'found') return stopClaiming(turn);
    const { state } = turn;
    const { branchId, epoch, settings, log } = state;
    const head = see(turn, answer);
    // Rule confirm: a successor may have taken the branch, and collected the slot in which the fence now stands.
    if (!owns(head, { branchId, epoch, boot: settings.owner.boot })) return stopClaiming(turn);
    state.log = { ...log, checked: log.slot };
    state.manifest = null;
    go(turn, 'beginning');
  },
};

/** The disk is made ready first: commits are accepted from the moment `lead` is said, and by then nothing may have to be waited for. */
export const beginning: Part = {
  enter: (turn) => askHere(turn, { type: 'remember', position: turn.state.log, forCommits: true }),
  answered(turn) {
    const { epoch, settings } = turn.state;
    const { renewMs } = settings.owner;
    turn.actions.push({ type: 'lead', epoch });
    if (renewMs !== null) ask(turn, 'renewing', { type: 'wait', ms: renewMs });
    go(turn, 'leading');
  },
};
