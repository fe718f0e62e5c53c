/**
 * `coppice history`: prints the versions of a key.
 *
 * @module
 */

import type { Version } from '../../keyspace.js';
import type { HistoryOptions } from '../../reader.js';
import { type Call, type Command, EXIT, SUBLEVEL_FLAG } from '../command.js';
import { limitOf } from './range.js';

export const history: Command = {
  name: 'history',
  summary: 'print the versions of a key, newest first: revision, version and value; exit code 1 if there is none',
  positionals: ['PATH', 'KEY'],
  flags: {
    ...SUBLEVEL_FLAG,
    from: { type: 'string', value: 'REVISION', help: 'only what was written by this revision or later' },
    to: { type: 'string', value: 'REVISION', help: 'only what was written by this revision or earlier' },
    limit: { type: 'string', value: 'N', help: 'at most so many' },
  },
  async run(call) {
    const key = call.argument(1, 'KEY');
    const options: HistoryOptions = {};
    const [from, to, limit] = [call.revision('from'), call.revision('to'), limitOf(call)];
    if (from !== undefined) options.from = from;
    if (to !== undefined) options.to = to;
    if (limit !== undefined) options.limit = limit;
    const found = await call.withKeys({ readOnly: true }, async (keys) => {
      let lines = 0;
      for await (const version of keys.history(key, options)) {
        await call.terminal.line(line(call, version));
        lines++;
        if (call.terminal.gone) break;
      }
      return lines;
    });
    return found > 0 ? EXIT.OK : EXIT.NO;
  },
};

function line(call: Call, version: Version<Buffer, Buffer>): string {
  const key = call.positionals[1];
  if (version.type === 'del') {
    return call.has('json') ? JSON.stringify({ ...version, key }) : `${version.revision}\t-\tdeleted`;
  }
  const value = call.format(version.value, `the value of revision ${version.revision}`);
  if (call.has('json')) return JSON.stringify({ ...version, key, value });
  return `${version.revision}\t${version.version}\t${value}`;
}
