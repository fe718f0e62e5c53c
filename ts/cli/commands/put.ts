/**
 * `coppice put`: writes a value.
 *
 * @module
 */

import type { OpenOptions } from '../../open.js';
import type { PutOptions } from '../../options/write.js';
import { type Call, type Command, EXIT, SUBLEVEL_FLAG } from '../command.js';
import { parseBytes } from '../text.js';

export const put: Command = {
  name: 'put',
  summary: 'write a value, from the command line or, without VALUE, from the input; creates the database',
  positionals: ['PATH', 'KEY', '[VALUE]'],
  flags: {
    ...SUBLEVEL_FLAG,
    ttl: { type: 'string', value: 'TIME', help: "let the key expire after '90s', '5m', '7d', ..." },
    history: { type: 'boolean', help: 'a database that is created keeps past versions' },
  },
  async run(call) {
    const key = call.argument(1, 'KEY');
    const value = await valueFor(call);
    const options: PutOptions = {};
    const ttl = call.text('ttl');
    if (ttl !== undefined) options.ttl = ttl;
    const opening: OpenOptions = call.has('history')
      ? { createIfMissing: true, history: true }
      : { createIfMissing: true };
    const { revision } = await call.withKeys(opening, (keys) => keys.put(key, value, options));
    if (call.has('json')) await call.terminal.json({ revision });
    return EXIT.OK;
  },
};

/** Piped values are bytes as they are, unless a notation is named. */
async function valueFor(call: Call): Promise<Buffer> {
  if (call.positionals.length > 2) return call.argument(2, 'VALUE');
  const piped = await call.terminal.input();
  return call.notation === 'utf8' ? piped : parseBytes(piped.toString().trim(), call.notation, 'the input');
}
