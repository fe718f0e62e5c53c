/**
 * `coppice restore`: copies a branch of a store into a folder.
 *
 * @module
 */

import { durationMs, isDuration } from '../../options/duration.js';
import { type RestoreOptions, restore as restoreBranch } from '../../restore.js';
import { type Command, EXIT, encryption, usage } from '../command.js';

export const restore: Command = {
  name: 'restore',
  summary: 'copy a branch of a store, as it is or as it was, into a folder that is absent or empty',
  positionals: ['STORE', 'TO'],
  flags: {
    branch: { type: 'string', value: 'NAME', help: 'which branch; main if it is not given' },
    revision: { type: 'string', value: 'REVISION', help: 'as it was after this revision' },
    time: { type: 'string', value: 'TIME', help: 'as it was at this time: 2026-01-31T12:00:00Z, or so long ago: 24h' },
  },
  async run(call) {
    const [store, to] = call.positionals as [string, string];
    const options: RestoreOptions = { to, ...encryption() };
    const [branch, revision, time] = [call.text('branch'), call.revision('revision'), call.text('time')];
    if (branch !== undefined) options.branch = branch;
    if (revision !== undefined) options.revision = revision;
    if (time !== undefined) options.time = timeOf(time);
    options.onProgress = call.terminal.progress.bind(call.terminal);
    const { location } = await restoreBranch(store, options).finally(() => call.terminal.endProgress());
    if (call.has('json')) await call.terminal.json({ location });
    else await call.terminal.line(`restored to ${location}`);
    return EXIT.OK;
  },
};

/** A time, or what was so long ago. */
export function timeOf(text: string): Date {
  const time = isDuration(text) ? new Date(Date.now() - durationMs(text, '--time')) : new Date(text);
  if (Number.isFinite(time.getTime())) return time;
  throw usage(`--time must be a time as 2026-01-31T12:00:00Z, or how long ago as 24h, not "${text}"`);
}
