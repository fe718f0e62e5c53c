/**
 * `coppice status`: says what a store holds.
 *
 * @module
 */

import { type BranchInfo, branchesIn } from '../../repository/index.js';
import { type Command, EXIT, encryptedStoreAt } from '../command.js';

export const status: Command = {
  name: 'status',
  summary: 'print the branches in a store: who writes each, and from where it grows back; exit code 1 if there is none',
  positionals: ['STORE'],
  flags: {},
  async run(call) {
    const branches = await branchesIn(await encryptedStoreAt(call.positionals[0] as string));
    for (const branch of branches) {
      if (call.has('json')) await call.terminal.json(branch);
      else await call.terminal.line(line(branch));
    }
    return branches.length > 0 ? EXIT.OK : EXIT.NO;
  },
};

function line({ name, kind, parent, epoch, owner, checkpoint, retained, oldestRevision, slots }: BranchInfo): string {
  if (kind === 'tag') return `${name}\ta tag of ${parent}`;
  const held = owner === null ? 'written by nobody now' : `written by ${owner}`;
  const grown =
    checkpoint === null
      ? 'no checkpoint yet'
      : `checkpoint at revision ${checkpoint.revision} of ${checkpoint.at.toISOString()}, ${retained} older`;
  return `${name}\t${held}, epoch ${epoch}; ${grown}; at least ${slots} slots; from revision ${oldestRevision} on`;
}
