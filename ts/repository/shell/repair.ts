/**
 * Damaged files of a folder, put right from the store: a table there is the same file byte by byte.
 *
 * @module
 */

import { open } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Replication } from '../../native/types.js';
import { decodeManifest } from '../formats/index.js';
import { headName, manifestName, neededBy, type Table, tableName } from '../protocol/index.js';
import type { ObjectStore } from '../store/index.js';
import { sha256Of } from './digest.js';
import { noBranch, unwritten } from './errors.js';
import { readHead } from './heads.js';

/** What is to be put right: an open engine, its folder, and its branch. */
export interface Damaged {
  readonly folder: string;
  readonly replication: Replication;
  readonly store: ObjectStore;
  readonly branch: string;
}

/**
 * Answers the paths of the files that are as they were written again. What the store does not have, because it was made since
 * the last checkpoint or is no file of a table, is left as it is.
 */
export async function repairFiles(damaged: Damaged, paths: readonly string[]): Promise<string[]> {
  const { folder, replication, store, branch } = damaged;
  const version = await replication.flush();
  try {
    const names = new Set(paths.map((path) => basename(path)));
    const wanted = version.files.filter(({ name }) => names.has(name));
    const stored = await tablesOf(store, branch);
    const repaired: string[] = [];
    for (const { id, sha256, name } of wanted) {
      const table = stored.get(id);
      if (table === undefined) continue;
      const found = await store.get(tableName(table));
      // Rule: nothing is written over a file but what it was.
      if (found === undefined || (await sha256Of(found.body)) !== sha256) continue;
      await overwrite(join(folder, name), found.body);
      repaired.push(join(folder, name));
    }
    return repaired;
  } finally {
    version.release();
  }
}

/** Every table of the checkpoints that a branch keeps, and of the one that it has grown from, by id. */
async function tablesOf(store: ObjectStore, branch: string): Promise<Map<string, Table>> {
  const head = await readHead(store, headName(branch));
  if (head?.state !== 'live') throw noBranch(branch, store);
  const tables = new Map<string, Table>();
  for (const named of neededBy(head)) {
    const key = manifestName(named.of ?? head.branchId, named);
    const found = await store.get(key);
    if (found === undefined) continue;
    for (const table of (await decodeManifest(key, found.body)).tables) tables.set(table.id, table);
  }
  return tables;
}

/** In place: whoever has the file open reads what is right from then on. Cut off in the middle, it is as damaged as before. */
async function overwrite(path: string, bytes: Uint8Array): Promise<void> {
  const failed = (cause: unknown): never => {
    throw unwritten(path, cause);
  };
  const file = await open(path, 'r+')
    .catch(() => open(path, 'w'))
    .catch(failed);
  try {
    await file.truncate(bytes.length).catch(failed);
    for (let at = 0; at < bytes.length; ) at += (await file.write(bytes, at, bytes.length - at, at)).bytesWritten;
    await file.sync().catch(failed);
  } finally {
    await file.close();
  }
}
