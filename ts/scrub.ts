/**
 * Reading everything again and again, slowly, so that damage is found, and where a store has what was there put right, before
 * anybody needs it.
 *
 * @module
 */

import { setTimeout } from 'node:timers/promises';
import type { CoppiceError } from './errors.js';
import type { Handle } from './handle.js';
import type { ScrubOptions } from './options/scrub.js';
import { check } from './upkeep.js';

/** Until the database is closed; no process stays alive for it. What fails is told as an event, and the next round comes all the same. */
export async function scrub(handle: Handle, { bytesPerSecond, pauseMs }: ScrubOptions): Promise<void> {
  const options = { signal: handle.ending, ref: false };
  const pause = () => setTimeout(pauseMs, undefined, options).catch(() => {});
  for (await pause(); handle.isUsable; await pause()) {
    try {
      const repair = handle.branch !== undefined;
      handle.events.emit('scrub', await check(handle, { bytesPerSecond, repair, holds: false }));
    } catch (error) {
      if (handle.isUsable) handle.events.emit('error', error as CoppiceError);
    }
  }
}
