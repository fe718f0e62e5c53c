/**
 * `coppice del`: removes keys, a range of keys or both, all in one commit.
 *
 * @module
 */

import type { KeyRange } from '../../options/range.js';
import type { Op } from '../../writer.js';
import { type Command, EXIT, type Keys, usage } from '../command.js';
import { KEY_RANGE_FLAGS, keyRangeOf } from './range.js';

export const del: Command = {
  name: 'del',
  summary: 'remove keys or a range of keys, all or none; also succeeds where there is no value',
  positionals: ['PATH', '[KEY...]'],
  flags: { ...KEY_RANGE_FLAGS, 'dry-run': { type: 'boolean', help: 'print how many keys would be removed' } },
  async run(call) {
    const keys: Buffer[] = [];
    for (let i = 1; i < call.positionals.length; i++) keys.push(call.argument(i, 'KEY'));
    const range = keyRangeOf(call);
    const hasRange = Object.keys(range).length > 0;
    // All keys at once are asked for by an empty --prefix, never by forgetting something.
    if (keys.length === 0 && !hasRange) throw usage('del needs KEY, or a range: --prefix, --gt, --gte, --lt or --lte');
    if (call.has('dry-run')) {
      const wanted = (all: Keys) => countOf(all, keys, hasRange ? range : undefined);
      const counted = await call.withKeys({ readOnly: true }, wanted);
      if (call.has('json')) await call.terminal.json({ keys: counted, dryRun: true });
      else await call.terminal.line(`would remove ${counted} keys`);
      return EXIT.OK;
    }
    const ops: Op<Buffer, Buffer>[] = keys.map((key) => ({ type: 'del', key }));
    if (hasRange) ops.push({ type: 'delRange', ...range });
    const { revision } = await call.withKeys({}, (keys) => keys.batch(ops));
    if (call.has('json')) await call.terminal.json({ revision });
    return EXIT.OK;
  },
};

/** How many keys there are of those, each once. */
async function countOf(all: Keys, keys: readonly Buffer[], range: KeyRange<Buffer> | undefined): Promise<number> {
  let counted = range === undefined ? 0 : await all.count(range);
  const named = new Map(keys.map((key) => [key.toString('latin1'), key]));
  for (const key of named.values()) {
    const isCounted = range !== undefined && isWithin(key, range);
    if (!isCounted && (await all.has(key))) counted += 1;
  }
  return counted;
}

function isWithin(key: Buffer, { gt, gte, lt, lte, prefix }: KeyRange<Buffer>): boolean {
  const holds = (bound: Buffer | undefined, is: (order: number) => boolean) =>
    bound === undefined || is(Buffer.compare(key, bound));
  return (
    holds(gt, (order) => order > 0) &&
    holds(gte, (order) => order >= 0) &&
    holds(lt, (order) => order < 0) &&
    holds(lte, (order) => order <= 0) &&
    (prefix === undefined || key.subarray(0, prefix.length).equals(prefix))
  );
}
