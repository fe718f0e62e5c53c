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
  time: { type: 'string', value: 'TIME', help: 'as that was at this time: 2026-01-31T12:00:00Z, or so long ago: 24h' },
  ttl: { type: 'string', value: 'TIME', help: "let it be dropped by itself after '90s', '5m', '7d', ..." },
  drop: { type: 'boolean', help: 'drop it' },
  'dry-run': { type: 'boolean', help: 'with what drops or replaces: print what would go' },
} as const satisfies Readonly<Record<string, Flag>>;

/** Refuses flags that say nothing here. `action`: what is done instead of making one, and the flags that say how. */
export function checkFlags(call: Call, name: string | undefined, action: string, ...its: string[]): void {
  const given = Object.keys(GROWN_FLAGS).filter((flag) => call.has(flag) || call.text(flag) !== undefined);
  if (name === undefined && (given.length > 0 || action !== '')) throw usage('give NAME');
  const other = given.find((flag) => flag !== action && !its.includes(flag));
  if (other !== undefined)
    throw usage(action === '' ? `--${other} is for --drop` : `give --${action} or --${other}, not both`);
}

/** The flags that say what a new one is made of. */
export const MADE_OF = ['from', 'at', 'time'];

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
