/** Waiting for what comes by itself. */

import { setTimeout } from 'node:timers/promises';

/** Resolves when a time, in Unix milliseconds, has passed. */
export async function until(time: number): Promise<void> {
  while (Date.now() <= time) await setTimeout(5);
}

/** Resolves when something holds; a test that waits for ever is ended by its own timeout. */
export async function holds(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await setTimeout(5);
}
