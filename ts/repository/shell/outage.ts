/**
 * Asking a store before there is a machine that would ask again: which repository it holds, whether it has a branch.
 *
 * @module
 */

import { setTimeout } from 'node:timers/promises';
import { aborted } from '../../errors.js';
import { isOutage } from './errors.js';
import { BACK_OFF_MS_MAX, BACK_OFF_MS_MIN } from './options.js';

/** Asks until there is an answer, or an error that no waiting mends, or the signal says that it should not. */
export async function throughOutage<T>(
  ask: () => Promise<T>,
  signal: AbortSignal,
  failed: (error: unknown) => void,
): Promise<T> {
  for (let failures = 0; ; failures++) {
    try {
      return await ask();
    } catch (error) {
      if (!isOutage(error, failures)) throw error;
      if (!signal.aborted) failed(error);
    }
    await pause(failures, signal, () => aborted(signal, 'opening a branch'));
  }
}

/** Before it is asked again, after so many failures. Throws what `why` answers if the signal ends it. */
export async function pause(failures: number, signal: AbortSignal, why: () => unknown): Promise<void> {
  const ms = Math.min(BACK_OFF_MS_MAX, BACK_OFF_MS_MIN * 2 ** Math.min(failures, 20));
  await setTimeout(ms, undefined, { signal }).catch(() => {
    throw why();
  });
}
