/**
 * `coppice verify`: reads every byte of a database, or everything that a branch in a store names, and checks it.
 *
 * @module
 */

import { CoppiceError } from '../../errors.js';
import { type BranchReport, branchName, verifyBranch } from '../../repository/index.js';
import { storeAt } from '../../repository/store/index.js';
import type { VerifyReport } from '../../upkeep.js';
import { type Call, type Command, EXIT, type Exit } from '../command.js';

export const verify: Command = {
  name: 'verify',
  summary: 'read and check every file, or a branch in a store; exit code 1 if anything is damaged',
  positionals: ['PATH'],
  flags: {
    store: { type: 'boolean', help: 'PATH names a store: check a branch in it' },
    branch: { type: 'string', value: 'NAME', help: 'which; main if it is not given' },
    deep: { type: 'boolean', help: 'read its tables too, where the store could say their size and hash' },
  },
  async run(call) {
    if (call.has('store')) return inStore(call);
    const report = await check(call);
    const { problems, checkedBytes } = report;
    await print(
      call,
      report,
      `checked ${checkedBytes} bytes: ${found(problems, ' (coppice repair copies what is readable)')}`,
    );
    return report.ok ? EXIT.OK : EXIT.NO;
  },
};

async function inStore(call: Call): Promise<Exit> {
  const store = call.positionals[0] as string;
  const report = await verifyBranch(storeAt(store), branchName(call.text('branch') ?? 'main'), call.has('deep'));
  const { manifests, tables, slots, problems } = report;
  await print(
    call,
    report,
    `checked ${manifests} manifests, ${tables} tables and ${slots} slots: ${found(problems, '')}`,
  );
  return report.ok ? EXIT.OK : EXIT.NO;
}

async function print(call: Call, report: VerifyReport | BranchReport, summary: string): Promise<void> {
  if (call.has('json')) return call.terminal.json(report);
  for (const { file, offset, what } of report.problems) await call.terminal.line(`${file} at ${offset}: ${what}`);
  await call.terminal.line(summary);
}

function found(problems: readonly unknown[], advice: string): string {
  return problems.length === 0 ? 'all is well' : `problems: ${problems.length}${advice}`;
}

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
