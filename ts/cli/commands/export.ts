/**
 * `coppice export`: prints entries as lines that `import` reads.
 *
 * @module
 */

import { type FileHandle, open, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { CoppiceError } from '../../errors.js';
import { type Call, type Command, EXIT, type Exit, type Keys, usage } from '../command.js';
import { withCopies } from '../entries/copies.js';
import { encodeEntry, FIRST_LINE, LAST_LINE } from '../entries/line.js';
import { RANGE_FLAGS, rangeOf } from './range.js';

/** So many characters are written at once. */
const PIECE = 256 << 10;

export const exportEntries: Command = {
  name: 'export',
  summary: 'print keys, values and times of expiry as lines of JSON that import reads, whatever bytes they are',
  positionals: ['PATH'],
  flags: {
    ...RANGE_FLAGS,
    store: { type: 'boolean', help: 'PATH names a store: export a branch in it' },
    branch: { type: 'string', value: 'NAME', help: 'which; main if it is not given' },
    out: { type: 'string', value: 'FILE', help: 'write to a file that is not there yet' },
  },
  async run(call) {
    const [path, branch] = [call.positionals[0] as string, call.text('branch')];
    if (!call.has('store')) {
      if (branch !== undefined) throw usage('--branch is for --store');
      return exported(call, path);
    }
    return withCopies(call, path, [branch ?? 'main'], ([folder = '']) => exported(call, folder));
  },
};

async function exported(call: Call, path: string): Promise<Exit> {
  const file = call.text('out');
  return call.withKeys(
    { readOnly: true },
    async (keys) => {
      if (file === undefined) {
        await print(call, keys, (text) => call.terminal.write(text));
        return EXIT.OK;
      }
      const location = resolve(file);
      const entries = await inFile(location, (handle) => print(call, keys, (text) => handle.writeFile(text)));
      if (call.has('json')) await call.terminal.json({ location, entries });
      else await call.terminal.line(`${entries} entries are in ${location}`);
      return EXIT.OK;
    },
    path,
  );
}

/** Answers how many entries there are. */
async function print(call: Call, keys: Keys, write: (text: string) => Promise<void>): Promise<number> {
  const { terminal } = call;
  let text = `${FIRST_LINE}\n`;
  let entries = 0;
  try {
    for await (const entry of keys.records(rangeOf(call))) {
      text += `${encodeEntry(entry)}\n`;
      entries += 1;
      if (text.length < PIECE) continue;
      await write(text);
      text = '';
      terminal.progress({ phase: 'export', done: entries, total: 0, unit: 'keys' });
      if (terminal.gone) return entries;
    }
    await write(`${text}${LAST_LINE}\n`);
  } finally {
    terminal.endProgress();
  }
  return entries;
}

/** Nothing is left of a file that was not written to its end. */
async function inFile<T>(location: string, use: (handle: FileHandle) => Promise<T>): Promise<T> {
  const handle = await open(location, 'wx').catch((cause) => {
    if (cause.code !== 'EEXIST') throw failed(location, cause);
    throw new CoppiceError('EXISTS', `${location} is there already`, { cause, details: { file: location } });
  });
  let isWhole = false;
  try {
    const answer = await use(handle);
    await handle.sync();
    isWhole = true;
    return answer;
  } catch (error) {
    throw error instanceof CoppiceError ? error : failed(location, error as Error);
  } finally {
    await handle.close();
    if (!isWhole) await rm(location, { force: true });
  }
}

function failed(location: string, cause: Error): CoppiceError {
  return new CoppiceError('IO', `cannot write ${location}: ${cause.message}`, { cause, details: { file: location } });
}
