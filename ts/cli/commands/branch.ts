/**
 * `coppice branch`: lists the branches in a store, makes one, drops one.
 *
 * @module
 */

import { type CreateBranchOptions, createBranch, dropBranch, listBranches } from '../../branches.js';
import type { BranchInfo } from '../../repository/index.js';
import { type Call, type Command, EXIT, type Exit, encryption, usage } from '../command.js';
import { columns, figure } from '../figures.js';
import { timeOf } from './restore.js';

export const branch: Command = {
  name: 'branch',
  summary: 'print the branches in a store with what they share; make one of another as it is or was; drop one',
  positionals: ['STORE', '[NAME]'],
  flags: {
    from: { type: 'string', value: 'NAME', help: 'the branch that the new one grows from; main if it is not given' },
    at: { type: 'string', value: 'REVISION', help: 'as that was after this revision' },
    time: { type: 'string', value: 'TIME', help: 'as that was at this time: 2026-01-31T12:00:00Z' },
    drop: { type: 'boolean', help: 'drop it; whoever has it open is told so' },
    'dry-run': { type: 'boolean', help: 'with --drop: print what would be dropped' },
  },
  async run(call) {
    const [store, name] = call.positionals as [string, string | undefined];
    const makes = ['from', 'at', 'time'].some((flag) => call.text(flag) !== undefined);
    const drops = call.has('drop');
    if (name === undefined && (makes || drops)) throw usage('branch needs NAME');
    if (drops && makes) throw usage('give --drop, or what the new branch grows from, not both');
    if (call.has('dry-run') && !drops) throw usage('--dry-run is for --drop');
    if (name === undefined) return list(call, store);
    if (drops) return drop(call, store, name);
    await createBranch(store, name, { ...momentOf(call), ...encryption() });
    if (call.has('json')) await call.terminal.json({ name, store });
    else await call.terminal.line(`made ${name}: open it with the options store and branch`);
    return EXIT.OK;
  },
};

function momentOf(call: Call): CreateBranchOptions {
  const [from, at, time] = [call.text('from'), call.revision('at'), call.text('time')];
  if (at !== undefined && time !== undefined) throw usage('give --at or --time, not both');
  const moment = at ?? (time === undefined ? undefined : timeOf(time));
  return { ...(from !== undefined && { from }), ...(moment !== undefined && { at: moment }) };
}

async function drop(call: Call, store: string, name: string): Promise<Exit> {
  const dryRun = call.has('dry-run');
  const info = await dropBranch(store, name, { dryRun, ...encryption() });
  if (call.has('json')) await call.terminal.json({ ...info, dropped: !dryRun });
  else {
    const what = `${name}, ${figure(info.ownBytes, 'bytes')} of its own`;
    await call.terminal.line(dryRun ? `would drop ${what}` : `dropped ${what}`);
  }
  return EXIT.OK;
}

async function list(call: Call, store: string): Promise<Exit> {
  const branches = await listBranches(store, encryption());
  if (call.has('json')) for (const info of branches) await call.terminal.json(info);
  else
    for (const line of columns([['branch', 'grown from', 'at', 'shared', 'own'], ...branches.map(row)]))
      await call.terminal.line(line);
  return branches.length > 0 ? EXIT.OK : EXIT.NO;
}

function row({ name, parent, began, sharedBytes, ownBytes }: BranchInfo): string[] {
  const at = began === null ? '' : 'revision' in began ? `revision ${began.revision}` : began.time.toISOString();
  return [name, parent ?? '', at, figure(sharedBytes, 'bytes'), figure(ownBytes, 'bytes')];
}
