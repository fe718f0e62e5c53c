/**
 * What every part is given, and what the data are.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { ObjectStore } from '../../../ts/index.js';
import { decodeManifest } from '../../../ts/repository/formats/index.js';
import type { Manifest } from '../../../ts/repository/protocol/index.js';
import { Values } from '../../data.js';
import type { Bucket } from '../server.js';

export interface Given extends Bucket {
  prefix: string;
  folder: string;
}

/** Nothing is published but what a part asks for, and nothing is kept but that. */
export const BY_HAND = { everyBytes: Number.MAX_SAFE_INTEGER, everySlots: 1 << 30, keep: 0, keepMs: 0 };
export const BATCH = 1000;

const POOL = randomBytes(1 << 22);

/** Bytes that nothing compresses, so that tables are as large as what is in them; others than near it. */
export function value(i: number, bytes: number): Buffer {
  const at = (Math.imul(i, 2654435761) >>> 0) % (POOL.length - bytes);
  return POOL.subarray(at, at + bytes);
}

/** Of small databases and single puts, in bytes. Half of each is random, as everywhere in these benchmarks. */
const SMALL_BYTES = 256;
const small = new Values(SMALL_BYTES);
export const smallValue = (i: number): Buffer => small.at(i);

/** What the newest checkpoint of a branch consists of. */
export async function manifestOf(store: ObjectStore, location: string): Promise<Manifest> {
  const key = location.slice(store.location.length + 1);
  const found = await store.get(key);
  if (found === undefined) throw new Error(`there is no ${key}`);
  return decodeManifest(key, found.body);
}

/** What `/proc` says of this process, in MiB. */
export function memory(name: 'VmHWM' | 'VmRSS'): number {
  const line = new RegExp(`${name}:\\s+(\\d+)`).exec(readFileSync('/proc/self/status', 'utf8'));
  return Number(line![1]) / 1024;
}

export async function timed(work: () => unknown): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}
