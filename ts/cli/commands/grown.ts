/**
 * What `coppice branch` and `coppice tag` have in common: what the new one is made of, and when it goes.
 *
 * @module
 */

import type { CreateBranchOptions } from '../../branches.js';
import type { BranchInfo } from '../../repository/index.js';
import { type Call, encryption, type Flag, usage } from '../command.js';
import { timeOf } from './restore.js';

export const GROWN_FLAGS = {
  from: { type: 'string', value: 'NAME', help: 'the branch, or the tag, that it is made of; main if it is not given' },
  at: { type: 'string', value: 'REVISION', help: 'as that was after this revision' },
  time: { type: 'string', value: 'TIME', help: 'as that was at this time: 2026-01-31T12:00:00Z' },
  ttl: { type: 'string', value: 'TIME', help: "let it be dropped by itself after '90s', '5m', '7d', ..." },
  drop: { type: 'boolean', help: 'drop it' },
  'dry-run': { type: 'boolean', help: 'with --drop: print what would be dropped' },
} as const satisfies Readonly<Record<string, Flag>>;

/** Refuses what does not go together. */
export function checkGrown(call: Call, name: string | undefined): void {
  const makes = ['from', 'at', 'time', 'ttl'].some((flag) => call.text(flag) !== undefined);
  if (name === undefined && (makes || call.has('drop'))) throw usage('give NAME');
  if (call.has('drop') && makes) throw usage('give --drop, or what the new one is made of, not both');
  if (call.has('dry-run') && !call.has('drop')) throw usage('--dry-run is for --drop');
}

export function optionsOf(call: Call): CreateBranchOptions {
  const [from, at, time, ttl] = [call.text('from'), call.revision('at'), call.text('time'), call.text('ttl')];
  if (at !== undefined && time !== undefined) throw usage('give --at or --time, not both');
  const moment = at ?? (time === undefined ? undefined : timeOf(time));
  return {
    ...(from !== undefined && { from }),
    ...(moment !== undefined && { at: moment }),
    ...(ttl !== undefined && { ttl }),
    ...encryption(),
  };
}

export function momentText(began: BranchInfo['began']): string {
  return began === null ? '' : 'revision' in began ? `revision ${began.revision}` : began.time.toISOString();
}
