/**
 * `coppice repair`: makes a sound database of what is left of a damaged one.
 *
 * @module
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type SalvageLoss, type SalvageReport, salvage } from '../../salvage.js';
import { type Call, type Command, EXIT, encryption } from '../command.js';
import { figure } from '../figures.js';
import { keyText } from '../text.js';

export const repair: Command = {
  name: 'repair',
  summary: 'copy what is readable of a damaged database into a new one; exit code 1 if something was not',
  positionals: ['FROM', 'TO'],
  flags: { 'dry-run': { type: 'boolean', help: 'print what would be copied and what is lost; TO stays as it is' } },
  async run(call) {
    const [from, to] = call.positionals as [string, string];
    const report = await (call.has('dry-run') ? rehearsed(call, from, to) : salvaged(call, from, to));
    call.terminal.endProgress();
    if (call.has('json')) {
      const lost = report.lost.map((loss) => ({
        ...loss,
        from: loss.from?.toString('hex'),
        to: loss.to?.toString('hex'),
      }));
      await call.terminal.json({ ...report, lost });
    } else {
      for (const line of lines(report)) await call.terminal.line(line);
    }
    return report.complete ? EXIT.OK : EXIT.NO;
  },
};

function salvaged(call: Call, from: string, to: string): Promise<SalvageReport> {
  const onProgress = call.terminal.progress.bind(call.terminal);
  return salvage(from, to, { onProgress, ...encryption() });
}

/** What can be read is known when it has been read. */
async function rehearsed(call: Call, from: string, to: string): Promise<SalvageReport> {
  const folder = await mkdtemp(join(tmpdir(), 'coppice-'));
  try {
    return { ...(await salvaged(call, from, join(folder, 'copy'))), location: resolve(to) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function lines(report: SalvageReport): string[] {
  const { keys, revision, bytesWritten, location } = report;
  return [
    ...report.lost.map(lossLine),
    ...report.notes.map((note) => `note: ${note}`),
    `tables: ${report.tablesRead} read, ${report.tablesLost} lost; pages: ${report.pagesRead} read, ${report.pagesLost} lost`,
    `log records used: ${report.recordsKept}`,
    `${keys} keys up to revision ${revision}, ${figure(bytesWritten, 'bytes')}, in ${location}`,
  ];
}

function lossLine({ file, offset, what, from, to }: SalvageLoss): string {
  const keys =
    from === undefined && to === undefined ? '' : ` (keys ${shown(from, 'the first')} to ${shown(to, 'the last')})`;
  return `lost: ${file} at ${offset}: ${what}${keys}`;
}

function shown(key: Buffer | undefined, otherwise: string): string {
  return key === undefined ? otherwise : keyText(key);
}
