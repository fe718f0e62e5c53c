/**
 * Small files of a branch in the folder of its database, each a line of JSON: replaced as a whole, by a rename, and durable
 * when that is told.
 *
 * @module
 */

import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CoppiceError } from '../../errors.js';
import { unwritten } from './errors.js';

/** Hidden, as the engine makes no database among files of others. */
export const OWN = '.repository';
/** No such file, or what should be the folder is a file. */
const ABSENT = new Set(['ENOENT', 'ENOTDIR']);

/** What a file says; `undefined` if there is none. `advice`: what to do if it is damaged. */
export async function readOwn<T extends { readonly format: number }>(
  file: string,
  format: T['format'],
  advice: string,
): Promise<T | undefined> {
  let said: T;
  try {
    said = JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    if (ABSENT.has((cause as NodeJS.ErrnoException).code ?? '')) return undefined;
    if (!(cause instanceof SyntaxError))
      throw new CoppiceError('IO', `cannot read ${file}`, { cause, details: { file } });
    throw new CoppiceError('CORRUPT', `${file} is damaged: ${advice}`, { cause, details: { file, offset: 0 } });
  }
  if (said.format === format) return said;
  throw new CoppiceError('FORMAT', `${file} is of format ${said.format}: use a newer version of coppice`, {
    details: { file },
  });
}

/** `name`: in the folder of the database. */
export async function writeOwn(folder: string, name: string, said: object): Promise<void> {
  const file = join(folder, name);
  try {
    await replace(file, said);
    await syncNames(join(folder, OWN));
    await syncNames(folder);
  } catch (cause) {
    throw unwritten(file, cause);
  }
}

export async function removeOwn(folder: string, name: string): Promise<void> {
  const file = join(folder, name);
  try {
    await rm(file, { force: true });
    await syncNames(join(folder, OWN));
  } catch (cause) {
    throw unwritten(file, cause);
  }
}

/** A copy of a folder has another. */
export async function inodeOf(folder: string): Promise<string> {
  return String((await stat(folder, { bigint: true })).ino);
}

async function replace(file: string, said: object): Promise<void> {
  const fresh = `${file}.new`;
  const handle = await open(fresh, 'w');
  try {
    await handle.writeFile(`${JSON.stringify(said)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(fresh, file);
}

async function syncNames(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const names = await open(folder, 'r');
  await names.sync().finally(() => names.close());
}
