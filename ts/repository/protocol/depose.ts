/**
 * Every way out of owning a branch: overtaken by another node, or given up in order.
 *
 * @module
 */

import { owns } from './change.js';
import { propose } from './head.js';
import type { Head } from './objects.js';
import type { Answer, Phase } from './state.js';
import { ask, askHere, fail, getHead, go, type Part, type Turn } from './turn.js';

const OWNING: readonly Phase[] = [
  'leading',
  'lingering',
  'gathering',
  'shipping',
  'settling',
  'disputing',
  'releasing',
];
/** Nothing of the log is on its way. */
const BETWEEN_SLOTS: readonly Phase[] = ['leading', 'lingering', 'releasing'];

export const leads = (phase: Phase): boolean => OWNING.includes(phase);

/** Another node owns the branch: nothing further is shipped. */
export function overtake(turn: Turn): void {
  turn.state.overtaken = true;
  turn.state.changes = [];
  turn.state.reason = 'another node has taken the branch';
  if (BETWEEN_SLOTS.includes(turn.state.phase)) go(turn, 'leading');
}

/** Something is not as an owner left it. The head says whether this node has been overtaken, or the store is damaged. */
export function judge(turn: Turn, answer: Answer, reason: string): void {
  if (isOurs(turn, answer)) fail(turn, reason);
  else overtake(turn);
}

/** What an answer says about the head: whether it is still this node's. */
export function isOurs({ state }: Turn, answer: Answer): boolean {
  const { branchId, epoch, settings } = state;
  return answer.type === 'found' && owns(answer.body as Head, { branchId, epoch, boot: settings.owner.boot });
}

/** So many slots after the last time an owner looks whether it is still one. */
const SLOTS_BETWEEN_LOOKS = 16;

/** Rule look-up: whoever writes slot after slot may outrun a successor that looks for the end of the log to put its fence. */
export function lookUp(turn: Turn): void {
  if (turn.state.log.slot % SLOTS_BETWEEN_LOOKS === 0) ask(turn, 'looking', getHead(turn));
}

export const looking: Part = {
  answered(turn, answer) {
    if (!isOurs(turn, answer)) overtake(turn);
  },
};

/** Rule cut-before-fenced: what its callers are told has failed must not ship when this disk owns the branch again. */
export const cutting: Part = {
  enter: (turn) => askHere(turn, { type: 'cut', position: turn.state.log }),
  answered(turn) {
    const { state } = turn;
    turn.actions.push({ type: 'fenced', epoch: state.epoch });
    retire(turn);
    state.logged = state.log.seq;
    go(turn, state.closing ? 'closed' : state.settings.mode === 'writer' ? 'deposed' : 'reading');
  },
};

export const releasing: Part = {
  enter(turn) {
    const { branchId, epoch, settings, log } = turn.state;
    propose(turn, { kind: 'release', branchId, epoch, boot: settings.owner.boot, slot: log.slot });
  },
};

export function released(turn: Turn): void {
  retire(turn);
  go(turn, 'closed');
}

/** Shows that this owner lives, so that nobody takes over who stands by. */
export const renewing: Part = {
  answered(turn) {
    const { branchId, epoch, settings, phase } = turn.state;
    const { boot, renewMs } = settings.owner;
    if (!leads(phase) || renewMs === null) return;
    propose(turn, { kind: 'renew', branchId, epoch, boot });
    ask(turn, 'renewing', { type: 'wait', ms: renewMs });
  },
};

/** Nothing that an owner does beside its log goes on. */
function retire(turn: Turn): void {
  const { state } = turn;
  state.requests = {};
  state.epoch = 0;
  state.overtaken = false;
  state.changing = null;
  state.changes = [];
  state.checkpoint = null;
  state.collection = null;
}
