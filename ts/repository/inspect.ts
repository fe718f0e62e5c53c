/**
 * What a store holds, read without opening anything.
 *
 * @module
 */

import { HEADS, type Head } from './protocol/index.js';
import { readHead } from './shell/index.js';
import type { ObjectStore } from './store/index.js';

/** The head of a branch, for people. */
export interface BranchInfo {
  name: string;
  id: string;
  /** How often it has changed hands. */
  epoch: number;
  /** The machine that writes it; `null`: it was closed in order. */
  owner: string | null;
  /** The newest checkpoint, and how many older ones are kept. */
  checkpoint: { revision: number; at: Date } | null;
  retained: number;
  /** The oldest revision that a copy can be made of. */
  oldestRevision: number;
  /** Objects of the log that are kept, as far as the head knows. */
  slots: number;
}

/** The branches in a store, by name. */
export async function branchesIn(store: ObjectStore): Promise<BranchInfo[]> {
  const found: BranchInfo[] = [];
  for await (const { key } of store.list(HEADS)) {
    const head = await readHead(store, key);
    if (head?.state === 'live') found.push(infoOf(head));
  }
  return found;
}

function infoOf({ name, branchId, epoch, owner, manifest, retained, wal }: Head): BranchInfo {
  const oldest = wal.floor === 1 ? undefined : (retained[0] ?? manifest);
  return {
    name,
    id: branchId,
    epoch,
    owner: owner?.node ?? null,
    checkpoint: manifest === null ? null : { revision: manifest.revision, at: new Date(manifest.timeMs) },
    retained: retained.length,
    oldestRevision: oldest?.revision ?? 1,
    slots: Math.max(0, wal.hint - wal.floor),
  };
}
