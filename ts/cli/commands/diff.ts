/**
 * `coppice diff`: prints what differs between two folders, or between two moments of one.
 *
 * @module
 */

import type { Change } from '../../changes.js';
import type { Entry } from '../../keyspace.js';
import { type Call, type Command, EXIT, type Exit, type Keys, SUBLEVEL_FLAG, usage } from '../command.js';
import { withCopies } from '../entries/copies.js';
import { KEY_RANGE_FLAGS, keyRangeOf } from './range.js';

export const diff: Command = {
  name: 'diff',
  summary:
    'print what differs: + made, - deleted, ~ changed; of two folders, of one with history between two revisions, or of two branches; exit code 1 if nothing does',
  positionals: ['PATH', '[AFTER]'],
  flags: {
    store: { type: 'boolean', help: 'PATH names a store, and AFTER two branches in it: main..feature' },
    ...SUBLEVEL_FLAG,
    ...KEY_RANGE_FLAGS,
    from: { type: 'string', value: 'REVISION', help: 'as PATH was at this revision' },
    to: { type: 'string', value: 'REVISION', help: 'as PATH was at this revision; the newest if it is not given' },
  },
  async run(call) {
    if (call.has('store')) return inStore(call);
    const after = call.positionals[1];
    const [from, to] = [call.revision('from'), call.revision('to')];
    if ((after === undefined) === (from === undefined)) throw usage('give a second folder, or --from');
    if (after !== undefined && to !== undefined) throw usage('--to is a revision of one folder: give no second one');
    const differ = await call.withKeys({ readOnly: true }, async (before) => {
      if (after === undefined) return print(call, before, from as number, to);
      return call.withKeys({ readOnly: true }, (keys) => print(call, keys, before, undefined), after);
    });
    return differ ? EXIT.OK : EXIT.NO;
  },
};

/** Of copies that go afterwards. */
async function inStore(call: Call): Promise<Exit> {
  const [store, pair = ''] = call.positionals as [string, string?];
  const [one, other, ...rest] = pair.split('..');
  if (!one || !other || rest.length > 0) throw usage('give two branches as main..feature');
  if (call.text('from') !== undefined || call.text('to') !== undefined) throw usage('--from and --to are for a folder');
  return withCopies(call, store, [one, other], async ([before, after]) => {
    const differ = await call.withKeys(
      { readOnly: true },
      (was) => call.withKeys({ readOnly: true }, (is) => print(call, is, was, undefined), after),
      before,
    );
    return differ ? EXIT.OK : EXIT.NO;
  });
}

/** Answers whether anything differs. */
async function print(call: Call, keys: Keys, before: Keys | number, to: number | undefined): Promise<boolean> {
  const options = { ...keyRangeOf(call), ...(to !== undefined && { at: to }) };
  let differ = false;
  for await (const change of keys.diff(before, options)) {
    differ = true;
    await call.terminal.line(lineOf(call, change));
    if (call.terminal.gone) break;
  }
  return differ;
}

function lineOf(call: Call, { key: bytes, before, after }: Change<Buffer, Buffer>): string {
  const key = call.format(bytes, 'a key');
  const value = (entry: Entry<Buffer, Buffer>) => call.format(entry.value, `the value of "${key}"`);
  if (call.has('json')) {
    const shown = (entry: Entry<Buffer, Buffer>) => ({ ...entry, key: undefined, value: value(entry) });
    return JSON.stringify({ key, before: before && shown(before), after: after && shown(after) });
  }
  if (before === undefined) return `+ ${key}\t${after && value(after)}`;
  return after === undefined ? `- ${key}\t${value(before)}` : `~ ${key}\t${value(before)}\t${value(after)}`;
}
