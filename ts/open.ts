/**
 * Opening a database.
 *
 * @module
 */

import { resolve } from 'node:path';
import { orAborted, throwIfAborted } from './abort.js';
import { Database } from './database.js';
import type { Decoded, KeyEncoding, ValueEncoding } from './encoding/index.js';
import { aborted } from './errors.js';
import { Handle } from './handle.js';
import { Keyspace } from './keyspace.js';
import { openEngine } from './native/index.js';
import { checkPath, type OpenOptions, resolveOpen } from './options/open.js';

/**
 * Opens the database in a folder, or creates one.
 *
 * The types of keys and values follow from the encodings. For `json`, whose values can be anything, name them:
 * `open<string, User>(path, { valueEncoding: 'json' })`.
 *
 * @param path The folder. Relative to the working directory.
 * @throws `COPPICE_INVALID` or `COPPICE_UNSUPPORTED` for an option, which is named; `COPPICE_LOCKED` if another process
 * has the database open; `COPPICE_NOT_FOUND`, `COPPICE_EXISTS` as the options say; `COPPICE_FORMAT` for a folder that holds
 * something else, or was written by a newer version; `COPPICE_CORRUPT` with file and offset for damaged files;
 * `COPPICE_READONLY` for a folder that cannot be written to; `COPPICE_IO` for the rest.
 * @example
 * ```ts
 * import { open } from 'coppice';
 *
 * const db = await open('./data');
 * await db.put('greeting', 'hello');
 * console.log(await db.get('greeting')); // hello
 * await db.close();
 * ```
 */
export function open<const K extends KeyEncoding = 'utf8', const V extends ValueEncoding = 'utf8'>(
  path: string,
  options?: OpenOptions<K, V>,
): Promise<Database<Decoded<K>, Decoded<V>>>;
export function open<K, V>(path: string, options?: OpenOptions<KeyEncoding, ValueEncoding>): Promise<Database<K, V>>;
export async function open(
  path: string,
  options: OpenOptions<KeyEncoding, ValueEncoding> = {},
): Promise<Database<unknown, unknown>> {
  const folder = resolve(checkPath(path));
  const { engine, keys, values, durability, signal } = resolveOpen(options);
  throwIfAborted(signal, 'open');
  const opening = Handle.open(folder, (on) => openEngine(folder, engine, on), durability);
  const handle = await (signal === undefined ? opening : orClosed(opening, signal));
  return new Database(handle, new Keyspace(keys, values, ''));
}

/** Gives up when the signal says so; what opens nevertheless is closed again. */
function orClosed(opening: Promise<Handle>, signal: AbortSignal): Promise<Handle> {
  const closeLate = () => {
    // A failure to open was told already, by the abort; so there is nobody to tell of this one.
    opening.then((handle) => handle.close()).catch(() => {});
  };
  return orAborted(opening, signal, () => {
    closeLate();
    return aborted(signal, 'open');
  });
}
