/**
 * The flags that `scan`, `count` and `del` share: which keys.
 *
 * @module
 */

import type { KeyRange } from '../../options/range.js';
import type { RangeOptions } from '../../reader.js';
import { AT_FLAG, type Call, type Flag, SUBLEVEL_FLAG, usage } from '../command.js';

export const KEY_RANGE_FLAGS: Readonly<Record<string, Flag>> = {
  ...SUBLEVEL_FLAG,
  prefix: { type: 'string', value: 'KEY', help: 'only keys that start with this' },
  gt: { type: 'string', value: 'KEY', help: 'only keys after this one' },
  gte: { type: 'string', value: 'KEY', help: 'only this key and those after it' },
  lt: { type: 'string', value: 'KEY', help: 'only keys before this one' },
  lte: { type: 'string', value: 'KEY', help: 'only this key and those before it' },
};

export const RANGE_FLAGS: Readonly<Record<string, Flag>> = {
  ...KEY_RANGE_FLAGS,
  ...AT_FLAG,
  limit: { type: 'string', value: 'N', help: 'at most so many' },
};

/** The bounds that were given. */
export function keyRangeOf(call: Call): KeyRange<Buffer> {
  const range: KeyRange<Buffer> = {};
  for (const bound of ['prefix', 'gt', 'gte', 'lt', 'lte'] as const) {
    const key = call.bytes(bound);
    if (key !== undefined) range[bound] = key;
  }
  return range;
}

export function rangeOf(call: Call): RangeOptions<Buffer> {
  const options: RangeOptions<Buffer> = { ...keyRangeOf(call), reverse: call.has('reverse') };
  const at = call.revision('at');
  if (at !== undefined) options.at = at;
  const limit = limitOf(call);
  return limit === undefined ? options : { ...options, limit };
}

/** The limit that was given. */
export function limitOf(call: Call): number | undefined {
  const limit = call.text('limit');
  if (limit === undefined) return undefined;
  if (!/^\d{1,15}$/.test(limit)) throw usage(`--limit must be a whole number, not "${limit}"`);
  return Number(limit);
}
