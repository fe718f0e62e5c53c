/**
 * `coppice doctor`: finds out whether a store can hold a repository.
 *
 * @module
 */

import { resolve } from 'node:path';
import {
  folderNamed,
  type ProbeCheck,
  type ProbeReport,
  probe,
  storeAt,
  withTrialStore,
} from '../../repository/store/index.js';
import { type Command, EXIT } from '../command.js';
import { columns } from '../figures.js';

export const doctor: Command = {
  name: 'doctor',
  summary:
    'try what a repository needs of a store: s3://bucket/prefix or a folder; exit code 1 if something is missing',
  positionals: ['STORE'],
  flags: {},
  async run(call) {
    // Of Node 20 the SDK says once what its versions of 2027 will need; that would stand before a JSON document.
    process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
    const report = await examine(call.positionals[0] as string);
    if (call.has('json')) await call.terminal.json(report);
    else for (const line of lines(report)) await call.terminal.line(line);
    return report.ok ? EXIT.OK : EXIT.NO;
  },
};

async function examine(name: string): Promise<ProbeReport> {
  const folder = folderNamed(name);
  if (folder === undefined) return probe(storeAt(name));
  const report = await withTrialStore(folder, probe);
  return { ...report, location: resolve(folder) };
}

function lines({ ok, location, checks }: ProbeReport): string[] {
  const verdicts = checks.map(({ ok, needed, ms }) => [
    ok ? 'ok' : needed ? 'FAILED' : 'missed',
    `${ms.toFixed(1)} ms`,
  ]);
  const rows = columns(verdicts).map((verdict, index) => {
    const { what, found, needed } = checks[index] as ProbeCheck;
    const not = found === undefined ? '' : `: ${found}${needed ? '' : ', which is not needed'}`;
    return `${verdict}  ${what}${not}`;
  });
  const found = ok
    ? 'Conditional puts hold and reads see them: this store can hold a repository.'
    : 'This store cannot hold a repository: acknowledged writes would be lost.';
  return [location, '', ...rows, '', found];
}
