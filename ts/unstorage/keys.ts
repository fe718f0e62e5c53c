/**
 * Keys of a storage, in parts divided by `:`.
 *
 * @module
 */

import type { Reader } from '../reader.js';

/** The keys that begin so and have at most so many `:`. What lies deeper is not read: the range is moved to the end of each branch. */
export async function keysOf(
  db: Reader<string, unknown>,
  base: string,
  maxDepth: number | undefined,
): Promise<string[]> {
  const range = db.keys({ prefix: base });
  if (maxDepth === undefined) return range.toArray();
  const keys: string[] = [];
  for await (const key of range) {
    const end = endOf(key, maxDepth);
    if (end === -1) keys.push(key);
    // In order `;` follows `:`.
    else range.seek(`${key.slice(0, end)};`);
  }
  return keys;
}

/** Where the parts of a key that are not too deep end; -1 if none is. */
function endOf(key: string, maxDepth: number): number {
  let end = key.indexOf(':');
  for (let depth = 0; end !== -1 && depth < maxDepth; depth++) end = key.indexOf(':', end + 1);
  return end;
}
