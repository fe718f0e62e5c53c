/**
 * A branch that is made to need nothing of the one that it has grown from.
 *
 * @module
 */

import type { Repository } from './copies.js';
import { CoppiceError } from './errors.js';
import type { Handle } from './handle.js';
import { branchIn } from './repository/index.js';

/** What came of it. */
export interface Detached {
  /** Whether the branch needs nothing of any other now. */
  ok: boolean;
  /** The names of branches that have grown through it. */
  heldBy: string[];
}

/** See `Database.detach`. */
export async function detach({ branch }: Handle, { store, name }: Repository): Promise<Detached> {
  if (branch === undefined || branch.follows) throw new CoppiceError('READONLY', 'a replica detaches nothing');
  if ((await branchIn(store, name)).expiresAt !== null)
    throw new CoppiceError('UNSUPPORTED', `"${name}" expires: what says so is kept where it has grown from`);
  const { isFree, heldBy } = await branch.detach();
  return { ok: isFree, heldBy: [...heldBy] };
}
