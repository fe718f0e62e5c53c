/**
 * `coppice del`: removes keys, a range of keys or both, all in one commit.
 *
 * @module
 */

import type { Op } from '../../writer.js';
import { type Command, EXIT, usage } from '../command.js';
import { KEY_RANGE_FLAGS, keyRangeOf } from './range.js';

export const del: Command = {
  name: 'del',
  summary: 'remove keys or a range of keys, all or none; also succeeds where there is no value',
  positionals: ['PATH', '[KEY...]'],
  flags: KEY_RANGE_FLAGS,
  async run(call) {
    const ops: Op<Buffer, Buffer>[] = [];
    for (let i = 1; i < call.positionals.length; i++) ops.push({ type: 'del', key: call.argument(i, 'KEY') });
    const range = keyRangeOf(call);
    if (Object.keys(range).length > 0) ops.push({ type: 'delRange', ...range });
    // All keys at once are asked for by an empty --prefix, never by forgetting something.
    if (ops.length === 0) throw usage('del needs KEY, or a range: --prefix, --gt, --gte, --lt or --lte');
    const { revision } = await call.withKeys({}, (keys) => keys.batch(ops));
    if (call.has('json')) await call.terminal.json({ revision });
    return EXIT.OK;
  },
};
