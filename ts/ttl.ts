/**
 * Changing when a key expires.
 *
 * @module
 */

import type { Encoded } from './encoding/index.js';
import { CoppiceError } from './errors.js';
import type { Handle } from './handle.js';
import type { Keyspace } from './keyspace.js';
import { type Duration, durationMs } from './options/duration.js';
import type { Commit } from './write-queue.js';

/** Only other threads of this process can get in between; this many times in a row is no accident. */
const ATTEMPTS_MAX = 100;

/** Writes the value of a key again with another deadline, on the condition that nobody changed it meanwhile. */
export async function touch<K, V>(
  handle: Handle,
  space: Keyspace<K, V>,
  key: K,
  ttl: Duration | null,
): Promise<Commit> {
  const { nowMs } = handle.live();
  const deadline = ttl === null ? undefined : nowMs + durationMs(ttl, 'ttl');
  return handle.finish(writeAgain(handle, space.encodeKey(key), deadline));
}

async function writeAgain(handle: Handle, stored: Encoded, deadline: number | undefined): Promise<Commit> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const found = await handle.engine.entry(stored, 'buffer');
    if (found === undefined)
      throw new CoppiceError('NOT_FOUND', 'the key to touch has no value: it never had, was deleted or expired');
    const slab = handle.writes.takeSlab();
    slab.check(stored, found.revision);
    slab.put(stored, found.value, deadline);
    const answer = await handle.writes.commit(slab, handle.levels.usual, undefined);
    if ('ok' in answer) return answer;
  }
  throw new CoppiceError('CONFLICT', `the key to touch was changed ${ATTEMPTS_MAX} times meanwhile: try again`);
}
