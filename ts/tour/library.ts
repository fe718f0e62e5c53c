/**
 * The database of the tour: where things stand in it, and how it is opened.
 *
 * The meanings stand under their own keys; two sublevels are indexes into them, written in the same commits. A third
 * holds what the tour knows about itself.
 *
 * @module
 */

import { readdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { CoppiceError, type Database, type OpenOptions, open, type Sublevel } from '../index.js';
import type { Meaning } from './dictionary.js';

/** What is loaded: of which package version, how many meanings, out of how many. */
export interface Mark {
  version: string;
  done: number;
  total: number;
}

export interface Library {
  readonly db: Database<string, Meaning>;
  /** `oak:noun/02` to the key of the meaning. */
  readonly words: Sublevel<string, string>;
  /** `key of the general:key of the special` to the latter: what is a kind of what. */
  readonly kinds: Sublevel<string, string>;
  readonly marks: Sublevel<string, Mark>;
  /** Room for the parts of the tour that write. */
  readonly scratch: Sublevel<string, string>;
}

/** The first key that is not of a sublevel: their names are between exclamation marks. */
export const FIRST_MEANING = '"';
export const MARK = 'loaded';

export function databaseFolder(folder: string): string {
  return join(folder, 'dictionary');
}

/** Opens the database, or creates it. */
export async function openLibrary(folder: string, options: OpenOptions = {}): Promise<Library> {
  const db = await open<string, Meaning>(databaseFolder(folder), { ...options, valueEncoding: 'json' });
  return {
    db,
    words: db.sublevel('words', { valueEncoding: 'utf8' }),
    kinds: db.sublevel('kinds', { valueEncoding: 'utf8' }),
    marks: db.sublevel<string, Mark>('tour', { valueEncoding: 'json' }),
    scratch: db.sublevel('scratch', { valueEncoding: 'utf8' }),
  };
}

/** The files of a database. Whatever else is in its folder belongs to somebody else. */
const OURS = /^(?:CURRENT(?:\.new)?|LOCK|(?:spare|fresh)\.log|\d{6,}\.(?:manifest|log|table))$/;

/** Removes a database, but nothing that is not one, and none that is in use. */
export async function removeDatabase(path: string): Promise<void> {
  try {
    await (await open(path, { createIfMissing: false })).close();
  } catch (error) {
    const code = error instanceof CoppiceError ? error.code : undefined;
    if (code === 'COPPICE_NOT_FOUND') return;
    // A folder with other things, or a database of another version, which is not ours to remove.
    if (code === 'COPPICE_FORMAT' && !(await readdir(path)).includes('CURRENT')) return;
    if (code !== 'COPPICE_CORRUPT') throw error;
  }
  const names = await readdir(path);
  for (const name of names.filter((name) => OURS.test(name))) await rm(join(path, name), { force: true });
  if (names.every((name) => OURS.test(name))) await rmdir(path);
}

/** Removes every key of a sublevel. */
export async function empty(sublevel: Sublevel<string, string>): Promise<void> {
  for (;;) {
    const keys = await sublevel.keys({ limit: 10_000 }).toArray();
    if (keys.length === 0) return;
    await sublevel.batch(keys.map((key) => ({ type: 'del', key })));
  }
}
