/**
 * The flags that `scan` and `count` share: which keys.
 *
 * @module
 */

import type { RangeOptions } from '../../reader.js';
import { type Call, type Flag, SUBLEVEL_FLAG, usage } from '../command.js';

export const RANGE_FLAGS: Readonly<Record<string, Flag>> = {
  ...SUBLEVEL_FLAG,
  prefix: { type: 'string', value: 'KEY', help: 'only keys that start with this' },
  gt: { type: 'string', value: 'KEY', help: 'only keys after this one' },
  gte: { type: 'string', value: 'KEY', help: 'only this key and those after it' },
  lt: { type: 'string', value: 'KEY', help: 'only keys before this one' },
  lte: { type: 'string', value: 'KEY', help: 'only this key and those before it' },
  limit: { type: 'string', value: 'N', help: 'at most so many' },
};

export function rangeOf(call: Call): RangeOptions<Buffer> {
  const options: RangeOptions<Buffer> = { reverse: call.has('reverse') };
  for (const bound of ['prefix', 'gt', 'gte', 'lt', 'lte'] as const) options[bound] = call.bytes(bound);
  const limit = call.text('limit');
  if (limit === undefined) return options;
  if (!/^\d{1,15}$/.test(limit)) throw usage(`--limit must be a whole number, not "${limit}"`);
  return { ...options, limit: Number(limit) };
}
