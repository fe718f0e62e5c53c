/**
 * `coppice del`: removes keys, all in one commit.
 *
 * @module
 */

import { type Command, EXIT, SUBLEVEL_FLAG } from '../command.js';

export const del: Command = {
  name: 'del',
  summary: 'remove keys, all or none; also succeeds for a key that has no value',
  positionals: ['PATH', 'KEY...'],
  flags: SUBLEVEL_FLAG,
  async run(call) {
    const ops = call.positionals.slice(1).map((_, i) => ({ type: 'del', key: call.argument(i + 1, 'KEY') }) as const);
    const { revision } = await call.withKeys({}, (keys) => keys.batch(ops));
    if (call.has('json')) await call.terminal.json({ revision });
    return EXIT.OK;
  },
};
