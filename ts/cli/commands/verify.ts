/**
 * `coppice verify`: reads every byte and checks it.
 *
 * @module
 */

import { CoppiceError } from '../../errors.js';
import type { VerifyReport } from '../../upkeep.js';
import { type Call, type Command, EXIT } from '../command.js';

export const verify: Command = {
  name: 'verify',
  summary: 'read and check every file; exit code 1 if anything is damaged',
  positionals: ['PATH'],
  flags: {},
  async run(call) {
    const report = await check(call);
    if (call.has('json')) {
      await call.terminal.json(report);
    } else {
      for (const { file, offset, what } of report.problems) await call.terminal.line(`${file} at ${offset}: ${what}`);
      const found = report.ok
        ? 'all is well'
        : `problems: ${report.problems.length} (coppice repair copies what is readable)`;
      await call.terminal.line(`checked ${report.checkedBytes} bytes: ${found}`);
    }
    return report.ok ? EXIT.OK : EXIT.NO;
  },
};

async function check(call: Call): Promise<VerifyReport> {
  const onProgress = call.terminal.progress.bind(call.terminal);
  try {
    return await call.withDatabase({ readOnly: true }, (db) => db.verify({ onProgress }));
  } catch (error) {
    // Damage that keeps the database shut is a problem as any other, though the only one that can be told.
    if (!(error instanceof CoppiceError) || error.code !== 'COPPICE_CORRUPT') throw error;
    const { file = call.positionals[0] as string, offset = 0 } = error.details as { file?: string; offset?: number };
    // The place is told beside it, and what to do below.
    const [what = error.message] = error.message.split(` (${file}`);
    return { ok: false, checkedBytes: 0, problems: [{ file, offset, what }] };
  } finally {
    call.terminal.endProgress();
  }
}
