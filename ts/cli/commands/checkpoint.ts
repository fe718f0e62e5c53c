/**
 * `coppice checkpoint`: copies a database into another folder.
 *
 * @module
 */

import { CoppiceError } from '../../errors.js';
import { isPlace } from '../../repository/index.js';
import { type Command, EXIT, usage } from '../command.js';

export const checkpoint: Command = {
  name: 'checkpoint',
  summary: 'copy a database that nobody has open into a folder that is absent or empty, or publish it in its store',
  positionals: ['PATH', '[TO]'],
  flags: {
    store: { type: 'string', value: 'STORE', help: 'the store of the database' },
    branch: { type: 'string', value: 'NAME', help: 'and the branch in it; main if it is not given' },
  },
  async run(call) {
    const [store, branch, to] = [call.text('store'), call.text('branch'), call.positionals[1]];
    if ((store === undefined) === (to === undefined)) throw usage('give a folder to copy to, or --store');
    const path = call.positionals[0] as string;
    // With the store alone the branch would grow back here, and be taken from whoever has it.
    if (store !== undefined && !(await isPlace(path))) throw noPlace(path);
    const onProgress = call.terminal.progress.bind(call.terminal);
    const options = { ...(store !== undefined && { store, onProgress }), ...(branch !== undefined && { branch }) };
    const info = await call
      .withDatabase(options, (db) => db.checkpoint(to === undefined ? { onProgress } : { to }))
      .finally(() => call.terminal.endProgress());
    if (call.has('json')) await call.terminal.json(info);
    else await call.terminal.line(`revision ${info.revision}, ${info.bytes} bytes, in ${info.location}`);
    return EXIT.OK;
  },
};

function noPlace(path: string): CoppiceError {
  return new CoppiceError('NOT_FOUND', `${path} is not the disk of a branch in a store`, { details: { file: path } });
}
