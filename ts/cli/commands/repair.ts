/**
 * `coppice repair`: makes a sound database of what is left of a damaged one.
 *
 * @module
 */

import { type SalvageLoss, type SalvageReport, salvage } from '../../salvage.js';
import { type Command, EXIT, encryption } from '../command.js';
import { figure } from '../figures.js';
import { keyText } from '../text.js';

export const repair: Command = {
  name: 'repair',
  summary: 'copy what is readable of a damaged database into a new one; exit code 1 if something was not',
  positionals: ['FROM', 'TO'],
  flags: {},
  async run(call) {
    const onProgress = call.terminal.progress.bind(call.terminal);
    const [from, to] = call.positionals as [string, string];
    const report = await salvage(from, to, { onProgress, ...encryption() });
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
