/**
 * Detaching a branch: its owner stores what it has of others under names of its own, and lets go of them.
 *
 * @module
 */

import { randomUUID } from 'node:crypto';
import { closed } from '../../errors.js';
import { detach, Hand, type LetOff } from '../protocol/index.js';
import type { Checkpoints } from './checkpoints.js';
import type { Driver } from './driver.js';
import { carryOut } from './jobs.js';
import type { ShellOptions } from './options.js';

export async function makeOwn(
  driver: Driver,
  checkpoints: Checkpoints,
  { store, branch }: ShellOptions,
  signal: AbortSignal,
): Promise<LetOff> {
  const { origin } = driver.state.head?.head ?? {};
  // A checkpoint of all tables costs as much as there is.
  if (origin?.state === 'pinned' && !(await checkpoints.takeOwn(driver)))
    throw signal.aborted ? signal.reason : closed('database');
  const done = await carryOut(store, detach(new Hand(randomUUID()), branch), { signal });
  if (done.isFree) await checkpoints.collect(driver);
  return done;
}
