/**
 * `coppice verify`: reads every byte and checks it.
 *
 * @module
 */

import { type Command, EXIT } from '../command.js';

export const verify: Command = {
  name: 'verify',
  summary: 'read and check every file; exit code 1 if anything is damaged',
  positionals: ['PATH'],
  flags: {},
  async run(call) {
    const onProgress = call.terminal.progress.bind(call.terminal);
    const report = await call.withDatabase({ readOnly: true }, (db) => db.verify({ onProgress }));
    call.terminal.endProgress();
    if (call.has('json')) {
      await call.terminal.json(report);
    } else {
      for (const { file, offset, what } of report.problems) await call.terminal.line(`${file} at ${offset}: ${what}`);
      const found = report.ok ? 'all is well' : `problems: ${report.problems.length}`;
      await call.terminal.line(`checked ${report.checkedBytes} bytes: ${found}`);
    }
    return report.ok ? EXIT.OK : EXIT.NO;
  },
};
