/**
 * How far what takes long is: growing back, and publishing a checkpoint. Said by what the machine has got to, so that
 * nothing is counted on the way.
 *
 * @module
 */

import { uncaught } from '../../uncaught.js';
import { type Phase, type State, type Table, tableName } from '../protocol/index.js';

/** How far a slow call is. What a function that gets this throws is an uncaught exception: the call goes on. */
export interface Progress {
  /** What is being done. */
  phase: string;
  done: number;
  total: number;
  unit: 'bytes' | 'keys' | 'objects';
  /** In the phase `waiting`: what has just failed. It is tried again until it succeeds. */
  why?: string;
}

export type OnProgress = (progress: Progress) => void;

/** What a listener throws is nobody's here. */
export function tellProgress(listener: OnProgress, progress: Progress): void {
  try {
    listener(progress);
  } catch (thrown) {
    uncaught(thrown);
  }
}

/** Opening has met something that waiting may mend, as an outage of the store. */
export function tellTrying(listener: OnProgress | undefined, error: unknown): void {
  if (listener === undefined) return;
  tellProgress(listener, { phase: 'waiting', done: 0, total: 0, unit: 'objects', why: (error as Error).message });
}

/** Of one that is to take the branch the log ends where it claims it. */
const READING: ReadonlySet<Phase> = new Set<Phase>(['reading', 'applying', 'claiming']);

/** How far a machine has read the log on its way to be opened. */
export class Reading {
  #first: number | undefined;
  #told = -1;

  /** Answers what is new since the last time. The end is known as far as the head knows it. */
  of({ phase, log, head }: State): Progress | undefined {
    if (!READING.has(phase)) return undefined;
    // After another install it begins again.
    if (this.#first === undefined || log.slot < this.#first) this.#first = log.slot;
    const done = log.slot - this.#first;
    if (done === this.#told) return undefined;
    this.#told = done;
    const hint = head?.head.wal.hint ?? 0;
    return { phase: 'log', done, total: Math.max(done, hint - this.#first), unit: 'objects' };
  }
}

/** How many of the bytes of a checkpoint under way are stored, of those that were not. */
export function uploads({ checkpoint, requests, epoch }: State): Progress | undefined {
  if (checkpoint === null || checkpoint.tables === null) return undefined;
  const pending = new Set<string>();
  for (const { purpose, request } of Object.values(requests)) {
    if (purpose === 'uploading' && 'key' in request) pending.add(request.key);
  }
  let [done, total] = [0, 0];
  for (const table of checkpoint.tables as readonly (Table & { readonly bytes?: number })[]) {
    const { bytes = 0 } = table;
    if (table.epoch !== epoch || table.n < checkpoint.firstN) continue;
    total += bytes;
    if (!pending.has(tableName(table))) done += bytes;
  }
  return { phase: 'checkpoint', done, total, unit: 'bytes' };
}
