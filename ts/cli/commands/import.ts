/**
 * `coppice import`: fills a database with what `export` has printed.
 *
 * @module
 */

import { access, type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { listBranches } from '../../branches.js';
import { CoppiceError } from '../../errors.js';
import type { OpenOptions } from '../../open.js';
import { type Call, type Command, EXIT, encryption, type Keys, SUBLEVEL_FLAG, usage } from '../command.js';
import { withCopies } from '../entries/copies.js';
import { type Filled, fill } from '../entries/fill.js';

export const importEntries: Command = {
  name: 'import',
  summary: 'put what export has printed, from a file or the input; creates the database; a second time changes nothing',
  positionals: ['PATH', '[FILE]'],
  flags: {
    ...SUBLEVEL_FLAG,
    store: { type: 'string', value: 'STORE', help: 'the store of the database, which takes the branch' },
    branch: { type: 'string', value: 'NAME', help: 'and the branch in it; main if it is not given' },
    history: { type: 'boolean', help: 'a database that is created keeps past versions' },
    'dry-run': { type: 'boolean', help: 'check all lines, and print what would be put' },
  },
  async run(call) {
    const [path, file] = call.positionals as [string, string | undefined];
    if (call.text('branch') !== undefined && call.text('store') === undefined) throw usage('--branch is for --store');
    const handle = file === undefined ? undefined : await opened(file);
    const total = (await handle?.stat())?.size ?? 0;
    const input = handle?.createReadStream();
    const dryRun = call.has('dry-run');
    const prefixBytes = call.sublevel.reduce((bytes, name) => bytes + name.length + 2, 0);
    const told = (filled: Filled) => tell(call, filled, input?.bytesRead ?? 0, total);
    const bytes = readFrom(input ?? call.terminal.stream(), file ?? 'the input');
    try {
      const filled = await filling(call, path, (keys) => fill(bytes, { keys, writes: !dryRun, prefixBytes, told }));
      call.terminal.endProgress();
      if (call.has('json')) await call.terminal.json({ ...filled, dryRun });
      else await call.terminal.line(lineOf(filled, dryRun));
    } finally {
      call.terminal.endProgress();
      await handle?.close();
    }
    return EXIT.OK;
  },
};

function opened(file: string): Promise<FileHandle> {
  return open(file, 'r').catch((cause) => {
    throw unread(file, cause);
  });
}

async function* readFrom(input: AsyncIterable<Uint8Array>, file: string): AsyncGenerator<Uint8Array> {
  try {
    yield* input;
  } catch (cause) {
    throw unread(file, cause as Error);
  }
}

function unread(file: string, cause: NodeJS.ErrnoException): CoppiceError {
  const name = cause.code === 'ENOENT' ? 'NOT_FOUND' : 'IO';
  return new CoppiceError(name, `cannot read ${file}: ${cause.message}`, { cause, details: { file } });
}

/** Opens what is to be filled, or, if nothing is to be written, what it would be compared with. */
async function filling<T>(call: Call, path: string, use: (keys: Keys | undefined) => Promise<T>): Promise<T> {
  const [store, branch = 'main'] = [call.text('store'), call.text('branch')];
  if (!call.has('dry-run')) return call.withKeys(optionsOf(call), use);
  const isThere = await access(join(path, 'CURRENT')).then(
    () => true,
    () => false,
  );
  if (isThere) return call.withKeys({ readOnly: true }, use);
  if (store === undefined || !(await isBranch(store, branch))) return use(undefined);
  // It would grow back in the folder.
  return withCopies(call, store, [branch], ([copy]) => call.withKeys({ readOnly: true }, use, copy));
}

function optionsOf(call: Call): OpenOptions {
  const [store, branch] = [call.text('store'), call.text('branch')];
  const onProgress = call.terminal.progress.bind(call.terminal);
  return {
    createIfMissing: true,
    ...(call.has('history') && { history: true }),
    ...(store !== undefined && { store, durability: 'remote', onProgress }),
    ...(branch !== undefined && { branch }),
  };
}

async function isBranch(store: string, branch: string): Promise<boolean> {
  const branches = await listBranches(store, encryption());
  return branches.some(({ name }) => name === branch);
}

function tell({ terminal }: Call, { entries }: Filled, read: number, total: number): void {
  if (total > 0) terminal.progress({ phase: 'import', done: read, total, unit: 'bytes' });
  else terminal.progress({ phase: 'import', done: entries, total: 0, unit: 'keys' });
}

function lineOf({ entries, written, replaced, unchanged, expired }: Filled, dryRun: boolean): string {
  const put = `${written} ${dryRun ? 'would be' : 'were'} put, ${replaced} of them over something else`;
  return `${entries} entries: ${put}; ${unchanged} are there already, ${expired} have expired`;
}
