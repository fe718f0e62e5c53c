/**
 * The machine: `step(state, event)` answers the next state and what is to be done. It does nothing itself, reads no clock
 * and draws no random number; the same events always lead to the same state.
 *
 * @module
 */

import type { Change } from './change.js';
import { beginCheckpoint, checkpointWon, comparing, flushing, publishing, uploading } from './checkpoint.js';
import { beginning, claiming, claimWon, confirming, creating, fencing } from './claim.js';
import { beginCollection, collectWon, deleting, listing, sparing } from './collect.js';
import { cutting, leads, looking, overtake, released, releasing, renewing } from './depose.js';
import { applying, ending, installing, opening, reading, regrowing, waiting } from './follow.js';
import { changing, nextChange, rereading } from './head.js';
import { ORIGIN } from './objects.js';
import { disputing, gathering, leading, lingering, settling, shipping } from './ship.js';
import type { Action, Event, Local, Pending, Purpose, Settings, State } from './state.js';
import { again, againLater, answered, go, type Part, type Turn } from './turn.js';

/** What is done in each phase, and beside it. */
const parts: Record<Purpose, Part> = {
  opening,
  creating,
  regrowing,
  installing,
  reading,
  applying,
  ending,
  waiting,
  claiming,
  fencing,
  confirming,
  beginning,
  leading,
  lingering,
  gathering,
  shipping,
  settling,
  disputing,
  releasing,
  cutting,
  changing,
  rereading,
  renewing,
  looking,
  flushing,
  comparing,
  uploading,
  publishing,
  sparing,
  listing,
  deleting,
  restored: { enter: (turn) => stop(turn, { type: 'restored' }) },
  deposed: { enter: (turn) => stop(turn) },
  closed: { enter: (turn) => stop(turn, { type: 'closed' }) },
  failed: { enter: (turn) => stop(turn, { type: 'failed', reason: turn.state.reason }) },
};

/** A machine for a node that has just started, with what its disk holds, if anything. */
export function start(settings: Settings, local: Local | null, nowMs: number): [State, Action[]] {
  const state: State = {
    settings,
    phase: 'opening',
    branchId: local?.branchId ?? '',
    log: local?.position ?? ORIGIN,
    logged: local?.logged ?? 0,
    heldRevision: (local?.position ?? ORIGIN).revision,
    due: 0,
    head: null,
    aliveMs: nowMs,
    told: false,
    epoch: 0,
    slot: null,
    base: null,
    manifest: null,
    overtaken: false,
    closing: false,
    changing: null,
    changes: [],
    checkpoint: null,
    collection: null,
    known: {},
    n: 0,
    nonces: 0,
    lastId: 0,
    requests: {},
    reason: '',
  };
  const turn: Turn = { state: { ...state }, actions: [], nowMs, entering: 'opening', ended: null };
  settle(turn);
  return [turn.state, turn.actions];
}

export function step(state: State, event: Event): [State, Action[]] {
  const turn: Turn = { state: { ...state }, actions: [], nowMs: event.nowMs, entering: null, ended: null };
  handle(turn, event);
  settle(turn);
  return [turn.state, turn.actions];
}

function handle(turn: Turn, event: Event): void {
  const { state } = turn;
  switch (event.type) {
    case 'answer': {
      const pending = answered(turn, event.id);
      return pending && takeAnswer(turn, event, pending);
    }
    case 'logged':
      if (!leads(state.phase)) return;
      state.logged = Math.max(state.logged, event.seq);
      return state.phase === 'leading' ? go(turn, 'leading') : undefined;
    case 'checkpoint':
      return leads(state.phase) ? beginCheckpoint(turn, event.own ?? false) : undefined;
    case 'collect':
      return leads(state.phase) ? beginCollection(turn) : undefined;
    case 'claim':
      state.told = true;
      return state.phase === 'waiting' ? go(turn, 'reading') : undefined;
    case 'close':
      state.closing = true;
      if (state.phase === 'leading' || state.phase === 'lingering') go(turn, 'leading');
      else if (!leads(state.phase) && state.phase !== 'cutting') go(turn, 'closed');
  }
}

function takeAnswer(turn: Turn, { id, answer }: Event & { type: 'answer' }, pending: Pending): void {
  const { purpose, request } = pending;
  // Whether a change of the head has happened is found out by reading; everything else may be asked for again.
  if (answer.type === 'unknown' && purpose !== 'changing') againLater(turn, id, pending, answer.why);
  else if (pending.waiting) again(turn, id, pending);
  else parts[purpose].answered?.(turn, answer, request);
}

/** Carries on until there is nothing to be done but to wait for an answer. */
function settle(turn: Turn): void {
  for (;;) {
    const { entering, ended } = turn;
    turn.entering = null;
    turn.ended = null;
    if (ended !== null) (ended.won ? won : lost)(turn, ended.change);
    else if (entering !== null) parts[entering].enter?.(turn);
    else if (turn.state.changing === null && turn.state.changes.length > 0) nextChange(turn);
    else return;
  }
}

function won(turn: Turn, change: Change): void {
  switch (change.kind) {
    case 'create':
      turn.state.branchId = change.branchId;
      return claimWon(turn, turn.state.head?.head.epoch ?? 1);
    case 'claim':
      return claimWon(turn, change.epoch);
    case 'checkpoint':
      return checkpointWon(turn);
    case 'collect':
      return collectWon(turn);
    case 'release':
      return released(turn);
    case 'renew':
  }
}

function lost(turn: Turn, change: Change): void {
  if (change.kind === 'create') go(turn, 'opening');
  else if (change.kind === 'claim') go(turn, 'reading');
  else overtake(turn);
}

/** Nothing is waited for any more. */
function stop(turn: Turn, ...notices: Action[]): void {
  turn.state.requests = {};
  turn.state.changing = null;
  turn.state.changes = [];
  turn.actions.push(...notices);
}
