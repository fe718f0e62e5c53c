/**
 * `coppice collect`: deletes what nobody needs in a store.
 *
 * @module
 */

import { collect as collectIn } from '../../branches.js';
import type { CollectedBranch } from '../../repository/index.js';
import { type Command, EXIT, encryption } from '../command.js';
import { columns, figure } from '../figures.js';

export const collect: Command = {
  name: 'collect',
  summary:
    'delete what nobody needs in a store: of branches that nobody has open, that have expired, or were dropped by halves',
  positionals: ['STORE'],
  flags: {
    branch: { type: 'string', value: 'NAME', help: 'only this branch' },
    'dry-run': { type: 'boolean', help: 'print what would go, and let nothing go' },
  },
  async run(call) {
    const [store] = call.positionals as [string];
    const [branch, dryRun] = [call.text('branch'), call.has('dry-run')];
    const found = await collectIn(store, { dryRun, ...(branch !== undefined && { branch }), ...encryption() });
    if (call.has('json')) for (const one of found) await call.terminal.json(one);
    else {
      const head = ['branch', 'objects', 'bytes', ''];
      for (const line of columns([head, ...found.map(row)])) await call.terminal.line(line);
    }
    return EXIT.OK;
  },
};

/** What is said of a branch. */
const SAID: Record<CollectedBranch['state'], string> = {
  collected: 'nobody has it open',
  owned: 'left to its owner',
  expired: 'its time has come',
  dropped: 'dropped before',
};

function row({ name, state, objects, bytes }: CollectedBranch): string[] {
  return [name, `${objects}`, figure(bytes, 'bytes'), SAID[state]];
}
