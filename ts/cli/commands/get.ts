/**
 * `coppice get`: prints the value of a key.
 *
 * @module
 */

import type { ReadOptions } from '../../pin.js';
import { AT_FLAG, type Command, EXIT, SUBLEVEL_FLAG, usage } from '../command.js';

export const get: Command = {
  name: 'get',
  summary: 'print the value of a key; exit code 1 if there is none',
  positionals: ['PATH', 'KEY'],
  flags: {
    ...SUBLEVEL_FLAG,
    ...AT_FLAG,
    raw: { type: 'boolean', help: 'print the bytes of the value and nothing else' },
  },
  async run(call) {
    if (call.has('raw') && call.has('json')) throw usage('give --raw or --json, not both');
    const key = call.argument(1, 'KEY');
    const at = call.revision('at');
    const options: ReadOptions = at === undefined ? {} : { at };
    const entry = await call.withKeys({ readOnly: true }, (keys) => keys.getEntry(key, options));
    if (entry === undefined) {
      const message = `there is no key "${call.positionals[1]}"`;
      call.terminal.note(call.has('json') ? JSON.stringify({ code: 'COPPICE_NOT_FOUND', message }) : message);
      return EXIT.NO;
    }
    if (call.has('raw')) {
      await call.terminal.write(entry.value);
    } else if (call.has('json')) {
      await call.terminal.json({ ...entry, key: call.positionals[1], value: call.format(entry.value, 'the value') });
    } else {
      await call.terminal.line(call.format(entry.value, 'the value'));
    }
    return EXIT.OK;
  },
};
