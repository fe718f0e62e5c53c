/**
 * Changing the head: compare-and-set, settled by reading back.
 *
 * One change at a time; others wait. Whatever the answer to the put was, unless it is plain success, the head is read:
 * it carries our nonce (done), or is still the one we started from (the same bytes again: the put may land at any time,
 * so nothing else may be tried before the head has moved), or it has moved without us (once more from there, if the
 * change still makes sense; else it is lost, and the first put cannot land any more either).
 *
 * @module
 */

import { type Change, changed } from './change.js';
import { headName } from './names.js';
import type { Head } from './objects.js';
import type { Answer, Changing, Seen } from './state.js';
import { ask, getHead, type Part, type Turn } from './turn.js';

export function propose(turn: Turn, change: Change): void {
  if (turn.state.changing !== null) turn.state.changes = [...turn.state.changes, change];
  else attempt(turn, change, turn.state.head);
}

/** What an answer says about the head, remembered. A new nonce is a sign of life. */
export function see(turn: Turn, { body, etag }: Answer & { type: 'found' }): Head {
  const head = body as Head;
  if (turn.state.head?.head.nonce !== head.nonce) turn.state.aliveMs = turn.nowMs;
  turn.state.head = { head, etag };
  return head;
}

/** Begins the change that has waited longest, if any does. */
export function nextChange(turn: Turn): void {
  const [change, ...changes] = turn.state.changes;
  if (change === undefined || turn.state.changing !== null) return;
  turn.state.changes = changes;
  attempt(turn, change, turn.state.head);
}

export const changing: Part = {
  answered(turn, answer) {
    const { changing } = turn.state;
    if (changing === null) return;
    if (answer.type === 'stored') won(turn, changing, answer.etag);
    else if (answer.type === 'done') put(turn, changing);
    else ask(turn, 'rereading', getHead(turn));
  },
};

export const rereading: Part = {
  answered(turn, answer) {
    const { changing, settings } = turn.state;
    if (changing === null) return;
    const now = answer.type === 'found' ? { head: answer.body as Head, etag: answer.etag } : null;
    if (now?.head.nonce === changing.next.nonce) return won(turn, changing, now.etag);
    // Rule head-unmoved: until the head moves, the same bytes may still land, and nothing else is tried.
    if (now?.etag === changing.base?.etag) return ask(turn, 'changing', { type: 'wait', ms: settings.backOffMsMin });
    attempt(turn, changing.change, now);
  },
};

function attempt(turn: Turn, change: Change, base: Seen | null): void {
  const { state } = turn;
  const next = changed(change, base?.head ?? null);
  if (next === null) return end(turn, change, false);
  state.nonces += 1;
  // Rule nonce: no two heads are alike, so a head is recognised, and a store that compares contents sees A-B-A.
  const nonce = `${state.settings.owner.boot}-${state.nonces}`;
  state.changing = { change, base, next: { ...next, nonce } };
  put(turn, state.changing);
}

function put(turn: Turn, { base, next }: Changing): void {
  // Rule compare-and-set: a head is only put over the one that it was made from.
  const etag = base?.etag ?? null;
  ask(turn, 'changing', { type: 'put', key: headName(turn.state.settings.branch), body: next, etag });
}

function won(turn: Turn, { change, next }: Changing, etag: string): void {
  see(turn, { type: 'found', body: next, etag });
  end(turn, change, true);
}

function end(turn: Turn, change: Change, won: boolean): void {
  turn.state.changing = null;
  turn.ended = { change, won };
}
