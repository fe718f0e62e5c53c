/**
 * `coppice checkpoint`: copies a database into another folder.
 *
 * @module
 */

import { type Command, EXIT } from '../command.js';

export const checkpoint: Command = {
  name: 'checkpoint',
  summary: 'copy a database that nobody has open into a folder that is absent or empty; else use backup',
  positionals: ['PATH', 'TO'],
  flags: {},
  async run(call) {
    const info = await call.withDatabase({}, (db) => db.checkpoint({ to: call.positionals[1] as string }));
    if (call.has('json')) await call.terminal.json(info);
    else await call.terminal.line(`revision ${info.revision}, ${info.bytes} bytes, in ${info.location}`);
    return EXIT.OK;
  },
};
