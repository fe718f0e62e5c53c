/**
 * `coppice checkpoint`: copies a database into another folder.
 *
 * @module
 */

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
    const options = { ...(store !== undefined && { store }), ...(branch !== undefined && { branch }) };
    const info = await call.withDatabase(options, (db) => db.checkpoint(to === undefined ? {} : { to }));
    if (call.has('json')) await call.terminal.json(info);
    else await call.terminal.line(`revision ${info.revision}, ${info.bytes} bytes, in ${info.location}`);
    return EXIT.OK;
  },
};
