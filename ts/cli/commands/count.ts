/**
 * `coppice count`: how many keys there are.
 *
 * @module
 */

import { type Command, EXIT } from '../command.js';
import { RANGE_FLAGS, rangeOf } from './range.js';

export const count: Command = {
  name: 'count',
  summary: 'print how many keys there are',
  positionals: ['PATH'],
  flags: RANGE_FLAGS,
  async run(call) {
    const range = rangeOf(call);
    const counted = await call.withKeys({ readOnly: true }, (keys) => keys.count(range));
    await (call.has('json') ? call.terminal.json({ count: counted }) : call.terminal.line(String(counted)));
    return EXIT.OK;
  },
};
