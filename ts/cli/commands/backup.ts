/**
 * `coppice backup`: brings a backup up to date.
 *
 * @module
 */

import { type Command, EXIT } from '../command.js';
import { figure } from '../figures.js';

export const backup: Command = {
  name: 'backup',
  summary: 'copy what is new into the backup in another folder, also while another process writes',
  positionals: ['PATH', 'TO'],
  flags: {},
  async run(call) {
    const onProgress = call.terminal.progress.bind(call.terminal);
    const to = call.positionals[1] as string;
    // Read-only: a writer elsewhere is not disturbed, and what it has only logged is copied as well.
    const info = await call.withDatabase({ readOnly: true }, (db) => db.backup({ to, onProgress }));
    call.terminal.endProgress();
    if (call.has('json')) {
      await call.terminal.json(info);
    } else {
      const { revision, copiedTables, copiedBytes, tables, bytes, location } = info;
      const all = `${figure(bytes, 'bytes')} in ${tables} tables`;
      const copied = `${figure(copiedBytes, 'bytes')} in ${copiedTables} tables`;
      await call.terminal.line(`revision ${revision}: ${all} in ${location}; copied ${copied}`);
    }
    return EXIT.OK;
  },
};
