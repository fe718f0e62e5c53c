/**
 * The objects of a folder store, in the order of their keys.
 *
 * @module
 */

import { readdir } from 'node:fs/promises';
import { isSegment } from '../check.js';
import { hasCode } from './failures.js';
import { look } from './files.js';
import { pathOf } from './folders.js';

/** Files that are looked at together. */
const AT_ONCE = 64;

/** Objects whose keys begin with `prefix` and stand behind `after`. */
export async function* listBelow(
  root: string,
  prefix: string,
  after: string,
): AsyncGenerator<{ key: string; size: number }> {
  // Only the folder that the prefix names, and of it only what begins with the rest.
  const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
  let keys: string[] = [];
  for await (const key of keysBelow(root, folder, prefix, after)) {
    keys.push(key);
    if (keys.length < AT_ONCE) continue;
    yield* sized(root, keys);
    keys = [];
  }
  yield* sized(root, keys);
}

async function* keysBelow(root: string, folder: string, prefix: string, after: string): AsyncGenerator<string> {
  for (const name of await namesIn(root, folder)) {
    const path = folder + name;
    const isFolder = name.endsWith('/');
    // Of a folder, the rest of the prefix may still lie inside.
    if (!path.startsWith(prefix) && !(isFolder && prefix.startsWith(path))) continue;
    if (!isFolder) {
      if (path > after) yield path;
    } else if (path > after || after.startsWith(path)) {
      yield* keysBelow(root, path, prefix, after);
    }
  }
}

/** Names of files, and of folders with a slash, by which keys come out sorted. */
async function namesIn(root: string, folder: string): Promise<string[]> {
  try {
    const entries = await readdir(pathOf(root, folder), { withFileTypes: true });
    return entries
      .filter((entry) => isSegment(entry.name) && (entry.isFile() || entry.isDirectory()))
      .map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name))
      .sort();
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}

async function* sized(root: string, keys: readonly string[]): AsyncGenerator<{ key: string; size: number }> {
  const found = await Promise.all(keys.map((key) => look(pathOf(root, key))));
  for (const [index, key] of keys.entries()) {
    const size = found[index]?.size;
    if (size !== undefined) yield { key, size: Number(size) };
  }
}
