/**
 * Has a job done against a store: one request after another, each again for as long as nobody knows what came of it.
 *
 * @module
 */

import { aborted } from '../../errors.js';
import type { Answer, Job, StoreRequest } from '../protocol/index.js';
import type { ObjectStore } from '../store/index.js';
import { Budget } from './budget.js';
import { Counted } from './counted.js';
import { type Counts, noCounts } from './counts.js';
import { isPassing } from './errors.js';
import { pause } from './outage.js';
import { Remote } from './remote.js';

export interface Doing {
  /** Gives up: what has been begun is mended by whoever comes next. */
  readonly signal?: AbortSignal | undefined;
  /** What the store was asked is added to this. */
  readonly counts?: Counts | undefined;
}

/** Rejects with what no waiting mends. */
export async function carryOut<T>(store: ObjectStore, job: Job<T>, { signal, counts }: Doing = {}): Promise<T> {
  const until = signal ?? new AbortController().signal;
  const remote = new Remote(new Counted(store, counts ?? noCounts(), until), new Budget(), () => undefined);
  let failures = 0;
  for (let next = job.next(UNASKED); ; ) {
    if (next.done) return next.value;
    const answer = await ask(remote, next.value, until, failures);
    failures = answer.type === 'unknown' ? failures + 1 : 0;
    if (failures > 0) await pause(failures, until, () => aborted(until, 'a change of branches'));
    next = job.next(answer);
  }
}

/** A job that begins has asked for nothing. */
const UNASKED: Answer = { type: 'done' };

async function ask(remote: Remote, request: StoreRequest, signal: AbortSignal, failures: number): Promise<Answer> {
  try {
    return (await remote.carry(request)) ?? { type: 'unknown' };
  } catch (error) {
    if (signal.aborted || !isPassing(error, true, failures)) throw error;
    return { type: 'unknown', why: (error as Error).message };
  }
}
