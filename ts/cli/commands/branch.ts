/**
 * `coppice branch`: lists the branches in a store, makes one, says when one goes, drops one.
 *
 * @module
 */

import { createBranch, dropBranch, expireBranch, listBranches } from '../../branches.js';
import type { BranchInfo } from '../../repository/index.js';
import { type Call, type Command, EXIT, type Exit, encryption, usage } from '../command.js';
import { columns, figure } from '../figures.js';
import { checkGrown, GROWN_FLAGS, momentText, optionsOf } from './grown.js';

export const branch: Command = {
  name: 'branch',
  summary: 'print the branches in a store with what they share; make one of another as it is or was; drop one',
  positionals: ['STORE', '[NAME]'],
  flags: {
    ...GROWN_FLAGS,
    expire: {
      type: 'string',
      value: 'TIME',
      help: "of a branch or tag that is there: drop it after '90s', '5m', '7d', ...; or never",
    },
  },
  async run(call) {
    const [store, name] = call.positionals as [string, string | undefined];
    const expire = call.text('expire');
    if (expire !== undefined) return expireOne(call, store, name, expire);
    checkGrown(call, name);
    if (name === undefined) return list(call, store);
    if (call.has('drop')) return drop(call, store, name);
    await createBranch(store, name, optionsOf(call));
    if (call.has('json')) await call.terminal.json({ name, store });
    else await call.terminal.line(`made ${name}: open it with the options store and branch`);
    return EXIT.OK;
  },
};

async function expireOne(call: Call, store: string, name: string | undefined, expire: string): Promise<Exit> {
  const isAlone = Object.keys(GROWN_FLAGS).every((flag) => !call.has(flag) && call.text(flag) === undefined);
  if (name === undefined || !isAlone) throw usage('branch --expire needs NAME, and nothing else');
  const ttl = expire === 'never' ? {} : { ttl: expire };
  await expireBranch(store, name, { ...ttl, ...encryption() });
  if (call.has('json')) await call.terminal.json({ name, store, expire });
  else await call.terminal.line(expire === 'never' ? `${name} stays` : `${name} goes after ${expire}`);
  return EXIT.OK;
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
  const titles = ['branch', 'grown from', 'at', 'shared', 'own', 'expires'];
  if (call.has('json')) for (const info of branches) await call.terminal.json(info);
  else for (const line of columns([titles, ...branches.map(row)])) await call.terminal.line(line);
  return branches.length > 0 ? EXIT.OK : EXIT.NO;
}

function row({ name, parent, began, sharedBytes, ownBytes, expiresAt }: BranchInfo): string[] {
  const bytes = [sharedBytes, ownBytes].map((bytes) => figure(bytes, 'bytes'));
  return [name, parent ?? '', momentText(began), ...bytes, expiresAt?.toISOString() ?? ''];
}
