/**
 * What a machine says of itself: its role, whether it can be relied on, and what is in its way. A node is never silently
 * dead: it is one of these, and each but the last four has its own way out.
 *
 * @module
 */

import { leads } from './depose.js';
import type { Phase, Purpose, State } from './state.js';

/**
 * What a node is to its branch. `deposed`: another one writes it; `failed`: it must be opened again.
 *
 * @inline
 */
export type Role =
  | 'opening'
  | 'following'
  | 'claiming'
  | 'leading'
  | 'stepping down'
  | 'restored'
  | 'deposed'
  | 'closed'
  | 'failed';

export interface Status {
  readonly role: Role;
  /** It leads; or it follows, and has lately seen the end of the log. */
  readonly ready: boolean;
  readonly epoch: number;
  /** What has been tried in vain and is being tried again; it mends itself. */
  readonly degraded: readonly { readonly doing: Purpose; readonly failures: number; readonly why: string }[];
  /** Why it stands where it stands: deposed or failed. */
  readonly reason: string;
}

export function status(state: State): Status {
  const { phase, epoch, log, requests, reason } = state;
  const role = roleOf(state);
  const degraded = Object.values(requests)
    .filter(({ failures }) => failures > 0)
    .map(({ purpose, failures, why }) => ({ doing: purpose, failures, why }));
  const ready =
    role === 'leading' ||
    role === 'restored' ||
    phase === 'waiting' ||
    (role === 'following' && log.checked === log.slot);
  return { role, ready, epoch, degraded, reason };
}

const OPENING: readonly Phase[] = ['opening', 'creating', 'regrowing', 'installing'];

function roleOf({ phase, epoch, overtaken, closing }: State): Role {
  if (phase === 'restored' || phase === 'deposed' || phase === 'closed' || phase === 'failed') return phase;
  if (leads(phase) && !overtaken && !closing) return 'leading';
  if (leads(phase) || phase === 'cutting') return 'stepping down';
  if (OPENING.includes(phase)) return 'opening';
  return epoch > 0 || phase === 'claiming' ? 'claiming' : 'following';
}
