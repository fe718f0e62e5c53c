/**
 * `coppice verify`: reads every byte of a database, or everything that a branch in a store names, and checks it.
 *
 * @module
 */

import { CoppiceError } from '../../errors.js';
import { type ReplayReport, replayBranch } from '../../replay.js';
import { type BranchReport, branchName, isPlace, verifyBranch } from '../../repository/index.js';
import { storeAt } from '../../repository/store/index.js';
import type { VerifyReport } from '../../upkeep.js';
import { type Call, type Command, EXIT, type Exit, encryptedStoreAt, encryption, usage } from '../command.js';
import { keyText } from '../text.js';

const MODES = ['fast', 'deep', 'replay'] as const;

export const verify: Command = {
  name: 'verify',
  summary: 'read and check every file, or a branch in a store; exit code 1 if anything is damaged',
  positionals: ['PATH'],
  flags: {
    store: { type: 'boolean', help: 'PATH names a store: check a branch in it' },
    branch: { type: 'string', value: 'NAME', help: 'which; main if it is not given' },
    repair: {
      type: 'string',
      value: 'STORE',
      help: 'put damaged tables right from the store that the folder belongs to, which takes the branch',
    },
    'dry-run': { type: 'boolean', help: 'with --repair: print what it would try, and leave the branch alone' },
    fast: {
      type: 'boolean',
      help: 'of a store: sizes and hashes as the store says them, and the log; this is the default',
    },
    deep: { type: 'boolean', help: 'of a store: read its tables too' },
    replay: {
      type: 'boolean',
      help: 'of a store: copy the branch from its oldest and from its newest checkpoint; both have to be the same',
    },
    against: {
      type: 'string',
      value: 'FOLDER',
      help: 'with --replay: the same as in this folder, which nobody writes to',
    },
  },
  async run(call) {
    if (call.has('store') && call.text('repair') !== undefined) throw usage('give --store or --repair, not both');
    const dryRun = call.has('dry-run');
    if (dryRun && call.text('repair') === undefined) throw usage('--dry-run is for --repair');
    const modes = MODES.filter((mode) => call.has(mode));
    if (modes.length > 1) throw usage('give --fast, --deep or --replay, one');
    if (modes.length > 0 && !call.has('store')) throw usage(`--${modes[0]} is for --store`);
    if (call.text('against') !== undefined && !call.has('replay')) throw usage('--against is for --replay');
    if (call.has('store')) return inStore(call).finally(() => call.terminal.endProgress());
    const report = await check(call);
    const { problems, checkedBytes, repaired = [] } = report;
    const files = dryRun ? new Set(problems.map(({ file }) => file)) : repaired;
    if (!call.has('json')) {
      for (const file of files) await call.terminal.line(`${dryRun ? 'would try to repair' : 'repaired'} ${file}`);
    }
    const summary = `checked ${checkedBytes} bytes: ${found(problems, ' (coppice repair copies what is readable)')}`;
    await print(call, report, summary);
    return report.ok ? EXIT.OK : EXIT.NO;
  },
};

async function inStore(call: Call): Promise<Exit> {
  const store = await encryptedStoreAt(call.positionals[0] as string);
  const branch = branchName(call.text('branch') ?? 'main');
  const onProgress = call.terminal.progress.bind(call.terminal);
  const report = await verifyBranch(store, branch, call.has('deep'), onProgress);
  // What is not whole need not be replayed.
  if (call.has('replay') && report.ok) return replayed(call, branch);
  const { manifests, tables, slots, problems } = report;
  const checked = `${call.has('deep') ? '' : 'fast: '}checked ${manifests} manifests, ${tables} tables and ${slots} slots`;
  await print(call, report, `${checked}: ${found(problems, '')}`);
  return report.ok ? EXIT.OK : EXIT.NO;
}

async function replayed(call: Call, branch: string): Promise<Exit> {
  const { encryption: keys } = encryption();
  const report = await replayBranch({
    store: storeAt(call.positionals[0] as string),
    branch,
    encryption: keys,
    against: call.text('against'),
    onProgress: call.terminal.progress.bind(call.terminal),
  });
  const problems = report.problems.map(({ key, what, ...place }) => ({
    ...place,
    ...(key !== undefined && { key: key.toString('hex') }),
    what: key === undefined ? what : `the key ${keyText(key)} differs: ${what}`,
  }));
  const compared = `replayed to revision ${report.revision} and compared ${report.keys} keys`;
  await print(call, { ...report, problems }, `${compared}: ${found(problems, '')}`);
  return report.ok ? EXIT.OK : EXIT.NO;
}

async function print(
  call: Call,
  report: VerifyReport | BranchReport | (Omit<ReplayReport, 'problems'> & Pick<BranchReport, 'problems'>),
  summary: string,
): Promise<void> {
  call.terminal.endProgress();
  if (call.has('json')) return call.terminal.json(report);
  for (const { file, offset, what } of report.problems) await call.terminal.line(`${file} at ${offset}: ${what}`);
  await call.terminal.line(summary);
}

function found(problems: readonly unknown[], advice: string): string {
  return problems.length === 0 ? 'all is well' : `problems: ${problems.length}${advice}`;
}

async function check(call: Call): Promise<VerifyReport> {
  const onProgress = call.terminal.progress.bind(call.terminal);
  const [store, branch, path] = [call.text('repair'), call.text('branch'), call.positionals[0] as string];
  // Else the branch would grow back there, and there would be nothing to repair.
  if (store !== undefined && !(await isPlace(path))) throw usage(`${path} is not the disk of a branch in a store`);
  const writes = store !== undefined && !call.has('dry-run');
  const options = !writes ? { readOnly: true } : { store, ...(branch !== undefined && { branch }) };
  try {
    return await call.withDatabase(options, (db) => db.verify({ onProgress, repair: writes }));
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
