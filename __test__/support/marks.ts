import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** For tests to put into every key and every value. */
export const MARK = 'n0t-t0-be-f0und';

/** Files that hold the mark, in any folder below. */
export async function showing(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const file of await filesBelow(folder)) if ((await readFile(file)).includes(MARK)) found.push(file);
  return found;
}

export async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}
