/**
 * What a store holds, read without opening anything.
 *
 * @module
 */

import { CoppiceError } from '../errors.js';
import { decodeManifest, decodeSlot } from './formats/index.js';
import { BEGUN_SLOT, type Head, headName, manifestName, slotName, type Table, type Until } from './protocol/index.js';
import { noBranch, ofHeads, readHead } from './shell/index.js';
import type { ObjectStore } from './store/index.js';

/** The head of a branch, for people. */
export interface BranchInfo {
  name: string;
  id: string;
  /** A tag is a branch that nobody ever writes. */
  kind: 'branch' | 'tag';
  /** When it is dropped by itself; `null`: never. */
  expiresAt: Date | null;
  /** The branch that it has grown from; `null`: none. */
  parent: string | null;
  /** What it began with of that one, if that was a revision or a time; `null`: whatever was there. */
  began: { revision: number } | { time: Date } | null;
  /** Of the tables of its newest checkpoint: bytes that are another branch's, and of its own. */
  sharedBytes: number;
  ownBytes: number;
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

/** The branches in a store, by name: of one kind, or of both. */
export function branchesIn(store: ObjectStore, kind?: BranchInfo['kind']): Promise<BranchInfo[]> {
  const isWanted = (head: Head) => head.state === 'live' && (kind === undefined || head.kind === kind);
  return ofHeads(store, (head) => (isWanted(head) ? infoOf(store, head) : undefined));
}

/** One of them. Throws `COPPICE_NOT_FOUND` if there is none of that name. */
export async function branchIn(store: ObjectStore, name: string): Promise<BranchInfo> {
  return infoOf(store, await liveHead(store, name));
}

/**
 * The one that a branch has grown from, or which has replaced that since; `undefined`, if it has grown from none. Throws
 * `COPPICE_NOT_FOUND` if that is not there any more, whatever has been made under its name.
 */
export async function parentIn(store: ObjectStore, name: string): Promise<BranchInfo | undefined> {
  const { origin } = await liveHead(store, name);
  if (origin === null) return undefined;
  const head = await liveHead(store, origin.name);
  const isIt = head.branchId === origin.branchId || head.lineage.includes(origin.branchId);
  if (!isIt) {
    const message = `the branch "${origin.name}" in ${store.location} is not the one that "${name}" has grown from`;
    throw new CoppiceError('NOT_FOUND', message, { details: { branch: origin.name } });
  }
  return infoOf(store, head);
}

async function liveHead(store: ObjectStore, name: string): Promise<Head> {
  const head = await readHead(store, headName(name));
  if (head?.state !== 'live') throw noBranch(name, store);
  return head;
}

/**
 * The last revision that two branches have in common: one of them has grown from the other, or both from another one. Nothing if they have
 * not, or nobody has said which.
 */
export async function forkPoint(store: ObjectStore, one: string, other: string): Promise<number | undefined> {
  const [a, b] = await Promise.all([one, other].map((name) => readHead(store, headName(name))));
  if (a === undefined || b === undefined) return undefined;
  const ids = ({ branchId, origin }: Head) => [...(origin?.stretches.map(({ branchId }) => branchId) ?? []), branchId];
  const common = ids(a).findLast((id) => ids(b).includes(id));
  if (common === undefined || a.branchId === b.branchId) return undefined;
  const ends = [a, b].filter(({ branchId }) => branchId !== common).map((head) => leftAt(store, head, common));
  const known = (await Promise.all(ends)).filter((end) => end !== undefined);
  return known.length < ends.length ? undefined : Math.min(...known);
}

/** The last revision that a branch has of the log of another one. */
async function leftAt(store: ObjectStore, head: Head, parentId: string): Promise<number | undefined> {
  const stretches = head.origin?.stretches ?? [];
  const at = stretches.findLastIndex(({ branchId }) => branchId === parentId);
  // What comes after may have begun with less of it.
  const moments = stretches.slice(at + 1).flatMap(({ until }) => (until === null ? [] : [until]));
  const revisions = moments.flatMap((moment) => ('revision' in moment ? [moment.revision] : []));
  if (revisions.length < moments.length) return undefined;
  const end = await grewAt(store, head, at);
  return end === undefined ? undefined : Math.min(end, ...revisions);
}

/** The revision at which one of its stretches ends. */
async function grewAt(store: ObjectStore, { origin }: Head, at: number): Promise<number | undefined> {
  if (origin === null) return undefined;
  const { manifest, stretches } = origin;
  // Where a branch had nothing of its own yet, it was what it had grown from itself.
  for (const { branchId, until, to } of stretches.slice(0, at + 1).reverse()) {
    if (until !== null) return 'revision' in until ? until.revision : undefined;
    const floor = manifest?.of === branchId ? manifest.floor : BEGUN_SLOT;
    for (let slot = to - 1; slot >= floor; slot--) {
      const key = slotName(branchId, slot);
      const found = await store.get(key);
      if (found === undefined) return undefined;
      const { records } = decodeSlot(key, found.body);
      if (records !== undefined) return records.revision;
    }
  }
  return manifest?.revision;
}

function momentOf({ origin }: Head, parentId: string): Until | undefined {
  return origin?.stretches.find(({ branchId }) => branchId === parentId)?.until ?? undefined;
}

/** Of the tables of a checkpoint: bytes that are another branch's, and of its own. */
export interface Shares {
  sharedBytes: number;
  ownBytes: number;
}

export function sharesOf(branchId: string, tables: readonly (Table & { readonly bytes?: number })[]): Shares {
  let [sharedBytes, ownBytes] = [0, 0];
  for (const table of tables) {
    if (table.branchId === branchId) ownBytes += table.bytes ?? 0;
    else sharedBytes += table.bytes ?? 0;
  }
  return { sharedBytes, ownBytes };
}

async function bytesOf(store: ObjectStore, { branchId, manifest, origin }: Head): Promise<Shares> {
  const named = manifest ?? origin?.manifest;
  const key = named && manifestName(named.of ?? branchId, named);
  const found = key ? await store.get(key) : undefined;
  return sharesOf(branchId, key && found ? (await decodeManifest(key, found.body)).tables : []);
}

async function infoOf(store: ObjectStore, head: Head): Promise<BranchInfo> {
  const { name, branchId, kind, expiresMs, epoch, owner, manifest, retained, wal, origin } = head;
  const began = origin && momentOf(head, origin.branchId);
  const shares = await bytesOf(store, head);
  const oldest = wal.floor === 1 ? undefined : (retained[0] ?? manifest);
  return {
    name,
    id: branchId,
    kind,
    expiresAt: expiresMs === null ? null : new Date(expiresMs),
    parent: origin?.name ?? null,
    began: !began ? null : 'revision' in began ? began : { time: new Date(began.timeMs) },
    ...shares,
    epoch,
    owner: owner?.node ?? null,
    checkpoint: manifest === null ? null : { revision: manifest.revision, at: new Date(manifest.timeMs) },
    retained: retained.length,
    oldestRevision: oldest?.revision ?? 1,
    slots: Math.max(0, wal.hint - wal.floor),
  };
}
