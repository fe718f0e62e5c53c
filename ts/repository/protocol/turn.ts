/**
 * One step under way: a copy of the state that may be written to, and the actions so far. The parts of the machine are
 * functions of it; they say where to go next (`go`) and what to ask (`ask`), and `step.ts` carries on from there.
 *
 * @module
 */

import type { Change } from './change.js';
import { HEADS, headName, slotName } from './names.js';
import { knownUpTo, logOf } from './origin.js';
import type { Action, Answer, Pending, Phase, Purpose, Request, State } from './state.js';

export interface Turn {
  readonly state: { -readonly [Key in keyof State]: State[Key] };
  readonly actions: Action[];
  readonly nowMs: number;
  /** The phase that has just been gone to and not been entered yet. */
  entering: Phase | null;
  /** A change of the head that has just come to its end. */
  ended: { readonly change: Change; readonly won: boolean } | null;
}

/** What takes the answer to a request, by what it was made for. */
export type Handler = (turn: Turn, answer: Answer, request: Request) => void;

/** A phase asks when it is entered, and leaves for another one by the answer. */
export interface Part {
  readonly enter?: (turn: Turn) => void;
  readonly answered?: Handler;
}

/** The requests of a phase end with it: an answer that comes later changes nothing. */
export function go(turn: Turn, phase: Phase): void {
  forget(turn, (purpose) => purpose === turn.state.phase);
  turn.state.phase = phase;
  turn.entering = phase;
}

export function ask(turn: Turn, purpose: Purpose, request: Request): void {
  const { state } = turn;
  state.lastId += 1;
  state.requests = { ...state.requests, [state.lastId]: { purpose, request, failures: 0, why: '', waiting: false } };
  turn.actions.push({ ...request, id: state.lastId });
}

/** Asks what a phase asks when it is entered. */
export function askHere(turn: Turn, request: Request): void {
  ask(turn, turn.state.phase, request);
}

/** The request that this answers, which is then no longer waited for; nothing if it never was, or has been forgotten. */
export function answered(turn: Turn, id: number): Pending | undefined {
  const { [id]: pending, ...others } = turn.state.requests;
  if (pending !== undefined) turn.state.requests = others;
  return pending;
}

/** Rule same-bytes: nobody knows what came of a request, so it is made again, the same to the byte, a little later. */
export function againLater(turn: Turn, id: number, pending: Pending, why = ''): void {
  const { settings, requests } = turn.state;
  const failures = pending.failures + 1;
  turn.state.requests = { ...requests, [id]: { ...pending, failures, why, waiting: true } };
  const ms = Math.min(settings.backOffMsMax, settings.backOffMsMin * 2 ** Math.min(failures, 20));
  turn.actions.push({ type: 'wait', ms, id });
}

export function again(turn: Turn, id: number, pending: Pending): void {
  turn.state.requests = { ...turn.state.requests, [id]: { ...pending, waiting: false } };
  turn.actions.push({ ...pending.request, id });
}

export function forget(turn: Turn, forgotten: (purpose: Purpose) => boolean): void {
  const entries = Object.entries(turn.state.requests);
  const kept = entries.filter(([, { purpose }]) => !forgotten(purpose));
  if (kept.length < entries.length) turn.state.requests = Object.fromEntries(kept);
}

/** Stops for good, for a reason that no retry mends. */
export function fail(turn: Turn, reason: string): void {
  turn.state.reason = reason;
  go(turn, 'failed');
}

export function getHead({ state }: Turn): Request {
  return { type: 'get', key: headName(state.settings.branch) };
}

export function isHead(request: Request): boolean {
  return 'key' in request && request.key.startsWith(HEADS);
}

export function getSlot({ state }: Turn): Request {
  const { slot } = state.log;
  return { type: 'get', key: slotName(logOf(state), slot), ahead: Math.max(0, knownUpTo(state) - slot - 1) };
}
