/**
 * `coppice merge`: brings what another branch has changed into one.
 *
 * @module
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Entry } from '../../keyspace.js';
import type { MergeConflict, Merged, Unmerged } from '../../merge.js';
import { isPlace } from '../../repository/index.js';
import { type Call, type Command, EXIT, usage } from '../command.js';

export const merge: Command = {
  name: 'merge',
  summary:
    'bring what another branch of its store has changed into a database that nobody has open; conflicts are printed, nothing is written then, and the exit code is 1',
  positionals: ['PATH', 'BRANCH'],
  flags: {
    store: { type: 'string', value: 'STORE', help: 'the store that PATH belongs to' },
    branch: { type: 'string', value: 'NAME', help: 'the branch that PATH is the disk of; main if it is not given' },
    base: { type: 'string', value: 'REVISION', help: 'what both began with, where nobody knows; needs history' },
    ours: { type: 'boolean', help: 'of a conflict, keep what PATH has' },
    theirs: { type: 'boolean', help: 'of a conflict, take what BRANCH has' },
    steps: { type: 'boolean', help: 'in several commits, where one cannot hold all of it' },
    'dry-run': {
      type: 'boolean',
      help: 'print what would be merged, of both branches as the store has them, and the conflicts',
    },
  },
  async run(call) {
    const [path, from] = call.positionals as [string, string];
    const [store, branch = 'main'] = [call.text('store'), call.text('branch')];
    if (store === undefined) throw usage('merge needs --store');
    if (call.has('ours') && call.has('theirs')) throw usage('give --ours or --theirs, not both');
    // Else the branch would grow back there, and be taken from whoever has it.
    if (!(await isPlace(path))) throw usage(`${path} is not the disk of a branch in a store`);
    const dryRun = call.has('dry-run');
    const merging = dryRun ? rehearsed(call, store, branch, from) : made(call, store, branch, from);
    const merged = await merging.finally(() => call.terminal.endProgress());
    if (merged.ok) {
      const { changes, resolved, revision, commits } = merged;
      if (call.has('json')) await call.terminal.json({ ok: true, changes, resolved, revision, commits, dryRun });
      else {
        const what = `${from}: ${changes} keys, ${resolved} conflicts decided`;
        await call.terminal.line(dryRun ? `would merge ${what}` : `merged ${what}, revision ${revision}`);
      }
      return EXIT.OK;
    }
    for (const conflict of merged.conflicts) await call.terminal.line(lineOf(call, conflict));
    if (!call.has('json')) {
      const nothing = dryRun ? 'nothing would be' : 'nothing was';
      await call.terminal.line(
        `${nothing} merged: ${merged.conflicts.length} conflicts, ${merged.changes} keys without`,
      );
    }
    return EXIT.NO;
  },
};

type Answer = Promise<Merged | Unmerged<Buffer, Buffer>>;

function optionsOf(call: Call) {
  const base = call.revision('base');
  const conflicts = call.has('ours') ? 'ours' : call.has('theirs') ? 'theirs' : 'report';
  const onProgress = call.terminal.progress.bind(call.terminal);
  return { conflicts, steps: call.has('steps'), onProgress, ...(base !== undefined && { base }) } as const;
}

async function made(call: Call, store: string, branch: string, from: string): Answer {
  const options = optionsOf(call);
  const opening = { store, branch, durability: 'remote', onProgress: options.onProgress } as const;
  return call.withDatabase(opening, (db) => db.merge(from, options));
}

/** In a replica, so that the branch is not taken from anybody. */
async function rehearsed(call: Call, store: string, branch: string, from: string): Answer {
  const options = optionsOf(call);
  const opening = { store, branch, readOnly: true, onProgress: options.onProgress };
  const folder = await mkdtemp(join(tmpdir(), 'coppice-'));
  try {
    return await call.withDatabase(opening, (db) => db.merge(from, { ...options, dryRun: true }), folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function lineOf(call: Call, { key: bytes, base, ours, theirs }: MergeConflict<Buffer, Buffer>): string {
  const key = call.format(bytes, 'a key');
  const value = (entry: Entry<Buffer, Buffer> | undefined) =>
    entry === undefined ? undefined : call.format(entry.value, `the value of "${key}"`);
  const sides = { base: value(base), ours: value(ours), theirs: value(theirs) };
  if (call.has('json')) return JSON.stringify({ key, ...sides });
  const shown = Object.entries(sides).map(([side, value]) => `${side} ${value ?? '(deleted)'}`);
  return `! ${key}\t${shown.join('\t')}`;
}
