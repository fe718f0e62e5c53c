/**
 * The objects of a store, told apart: what some head explains, the fences that stay for ever, and what is left over.
 *
 * @module
 */

import type { ObjectStore } from '../../../ts/index.js';
import { decodeManifest, decodeSlot } from '../../../ts/repository/formats/index.js';
import {
  HEADS,
  type Head,
  manifestName,
  neededBy,
  parseName,
  tableName,
} from '../../../ts/repository/protocol/index.js';
import { readHead } from '../../../ts/repository/shell/index.js';

export interface Found {
  /** Without what may be fences. */
  readonly objects: number;
  readonly bytes: number;
  /** Slots that no head keeps. */
  readonly fences: readonly string[];
  readonly loose: readonly string[];
}

export async function look(store: ObjectStore): Promise<Found> {
  const objects: { key: string; size: number }[] = [];
  for await (const object of store.list('')) objects.push(object);
  const read = objects.filter(({ key }) => key.startsWith(HEADS)).map(({ key }) => readHead(store, key));
  const heads = (await Promise.all(read)).filter((head) => head !== undefined);
  const needed = new Set<string>((await Promise.all(heads.map((head) => needs(store, head)))).flat());
  const isKept = (branchId: string, slot: number) =>
    heads.some(({ wal, pins, state, ...head }) => {
      const isPinned = pins.some(({ slots }) => slot >= slots.from && slot < slots.to);
      return head.branchId === branchId && (isPinned || (state === 'live' && slot >= wal.floor));
    });
  const found = { objects: 0, bytes: 0, fences: [] as string[], loose: [] as string[] };
  for (const { key, size } of objects) {
    const name = parseName(key);
    const isSlot = name?.kind === 'slot';
    if (isSlot && !isKept(key.split('/')[1] as string, name.slot)) {
      found.fences.push(key);
      continue;
    }
    found.objects += 1;
    found.bytes += size;
    if (key.startsWith('d/') && !isSlot && !needed.has(key)) found.loose.push(key);
  }
  return found;
}

async function needs(store: ObjectStore, head: Head): Promise<string[]> {
  const keys = neededBy(head).map((named) => manifestName(named.of ?? head.branchId, named));
  const tables = await Promise.all(
    keys.map(async (key) => {
      const found = await store.get(key);
      // It has been collected since.
      return found === undefined ? [] : (await decodeManifest(key, found.body)).tables.map(tableName);
    }),
  );
  return [...keys, ...tables.flat()];
}

/** Of slots that no head keeps, those that are no fences. */
export async function noFences(store: ObjectStore, keys: readonly string[]): Promise<string[]> {
  const wrong: string[] = [];
  for (const key of keys) {
    const found = await store.get(key);
    if (found !== undefined && decodeSlot(key, found.body).owner === undefined) wrong.push(key);
  }
  return wrong;
}
