/**
 * `coppice scan`: prints keys and values in order.
 *
 * @module
 */

import type { Entry } from '../../keyspace.js';
import { type Call, type Command, EXIT, type Keys } from '../command.js';
import { RANGE_FLAGS, rangeOf } from './range.js';

export const scan: Command = {
  name: 'scan',
  summary: 'print keys and values in order, with a tab between them',
  positionals: ['PATH'],
  flags: {
    ...RANGE_FLAGS,
    reverse: { type: 'boolean', help: 'from the last key to the first' },
    keys: { type: 'boolean', help: 'keys alone' },
  },
  async run(call) {
    const range = rangeOf(call);
    await call.withKeys({ readOnly: true }, async (keys) => {
      for await (const line of call.has('keys') ? keyLines(call, keys, range) : entryLines(call, keys, range)) {
        await call.terminal.line(line);
        if (call.terminal.gone) return;
      }
    });
    return EXIT.OK;
  },
};

async function* keyLines(call: Call, keys: Keys, range: ReturnType<typeof rangeOf>): AsyncGenerator<string> {
  for await (const bytes of keys.keys(range)) {
    const key = call.format(bytes, 'a key');
    yield call.has('json') ? JSON.stringify({ key }) : key;
  }
}

async function* entryLines(call: Call, keys: Keys, range: ReturnType<typeof rangeOf>): AsyncGenerator<string> {
  for await (const entry of keys.records(range)) yield entryLine(call, entry);
}

function entryLine(call: Call, entry: Entry<Buffer, Buffer>): string {
  const key = call.format(entry.key, 'a key');
  const value = call.format(entry.value, `the value of "${key}"`);
  return call.has('json') ? JSON.stringify({ ...entry, key, value }) : `${key}\t${value}`;
}
