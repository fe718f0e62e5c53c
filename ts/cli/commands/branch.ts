/**
 * `coppice branch`: lists the branches in a store, makes one, says when one goes, replaces what one holds, detaches one, drops one.
 *
 * @module
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createBranch, dropBranch, expireBranch, listBranches, promoteBranch, resetBranch } from '../../branches.js';
import { open } from '../../open.js';
import type { BranchInfo } from '../../repository/index.js';
import { type Call, type Command, EXIT, type Exit, encryption, usage } from '../command.js';
import { columns, figure } from '../figures.js';
import { checkFlags, GROWN_FLAGS, MADE_OF, momentText, optionsOf } from './grown.js';

export const branch: Command = {
  name: 'branch',
  summary:
    'print the branches in a store with what they share; make one of another as it is or was; drop or detach one, or replace what it holds',
  positionals: ['STORE', '[NAME]'],
  flags: {
    ...GROWN_FLAGS,
    expire: {
      type: 'string',
      value: 'TIME',
      help: "of a branch or tag that is there: drop it after '90s', '5m', '7d', ...; or never",
    },
    reset: {
      type: 'boolean',
      help: 'let it hold what it has grown from (or --from, or, if it has grown from none, itself) holds, or held --at; what it held goes',
    },
    keep: { type: 'string', value: 'TAG', help: 'with --reset and --promote: make a tag of what is replaced' },
    promote: { type: 'boolean', help: 'let what it has grown from hold what it holds; what that held goes' },
    detach: {
      type: 'boolean',
      help: 'store what it shares as its own; it is opened for that, so nobody else may have it',
    },
  },
  async run(call) {
    const [store, name] = call.positionals as [string, string | undefined];
    const actions = ['drop', 'expire', 'reset', 'promote', 'detach'].filter(
      (one) => call.has(one) || call.text(one) !== undefined,
    );
    const [action = '', other] = actions as (keyof typeof ACTIONS)[];
    if (call.text('keep') !== undefined && action !== 'reset' && action !== 'promote')
      throw usage('--keep is for --reset and --promote');
    if (other !== undefined) throw usage(`give --${action} or --${other}, not both`);
    checkFlags(call, name, action, ...(action === '' ? [...MADE_OF, 'ttl'] : ACTIONS[action].flags));
    if (name === undefined) return list(call, store);
    if (action !== '') return ACTIONS[action].run(call, store, name);
    await createBranch(store, name, optionsOf(call));
    if (call.has('json')) await call.terminal.json({ name, store });
    else await call.terminal.line(`made ${name}: open it with the options store and branch`);
    return EXIT.OK;
  },
};

/** What is done with one that is there, and the flags that say how. */
const ACTIONS = {
  drop: { flags: ['dry-run'], run: drop },
  expire: { flags: [], run: expire },
  reset: { flags: [...MADE_OF, 'dry-run'], run: reset },
  promote: { flags: ['dry-run'], run: promote },
  detach: { flags: [], run: detach },
} as const;

async function expire(call: Call, store: string, name: string): Promise<Exit> {
  const after = call.text('expire') as string;
  await expireBranch(store, name, { ...(after !== 'never' && { ttl: after }), ...encryption() });
  if (call.has('json')) await call.terminal.json({ name, store, expire: after });
  else await call.terminal.line(after === 'never' ? `${name} stays` : `${name} goes after ${after}`);
  return EXIT.OK;
}

async function reset(call: Call, store: string, name: string): Promise<Exit> {
  const dryRun = call.has('dry-run');
  return replaced(call, await resetBranch(store, name, { ...optionsOf(call), ...kept(call), dryRun }), dryRun);
}

async function promote(call: Call, store: string, name: string): Promise<Exit> {
  const dryRun = call.has('dry-run');
  return replaced(call, await promoteBranch(store, name, { ...encryption(), ...kept(call), dryRun }), dryRun);
}

function kept(call: Call): { keep?: string } {
  const keep = call.text('keep');
  return keep === undefined ? {} : { keep };
}

async function replaced(call: Call, before: BranchInfo, dryRun: boolean): Promise<Exit> {
  if (call.has('json')) await call.terminal.json({ ...before, replaced: !dryRun });
  else {
    const what = `${before.name}, ${figure(before.ownBytes, 'bytes')} of its own`;
    await call.terminal.line(dryRun ? `would replace ${what}` : `replaced ${what}: whoever had it open opens it again`);
  }
  return EXIT.OK;
}

/** Grows it into a folder that goes afterwards. */
async function detach(call: Call, store: string, name: string): Promise<Exit> {
  const folder = await mkdtemp(join(tmpdir(), 'coppice-detach-'));
  try {
    const db = await open(folder, { store, branch: name, createIfMissing: false, ...encryption() });
    const { ok, heldBy } = await db.detach().finally(() => db.close());
    if (call.has('json')) await call.terminal.json({ name, store, ok, heldBy });
    else {
      const held = `${name} needs another branch still: ${heldBy.join(', ')} has grown through it`;
      await call.terminal.line(ok ? `${name} needs no other branch` : held);
    }
    return ok ? EXIT.OK : EXIT.NO;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
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
