/**
 * What a run holds at a moment: objects and bytes in the store, files and bytes on the disk, memory, open files; and whether
 * it has stopped growing.
 *
 * @module
 */

import { strict as assert } from 'node:assert';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { ObjectStore } from '../../../ts/index.js';
import { look } from './leftovers.js';

const MEASURES = ['objects', 'stored', 'files', 'disk', 'memory', 'descriptors'] as const;
export type Sample = Record<(typeof MEASURES)[number], number>;

/** The median of the last third of samples may be that of the third before, and so much of it. */
const GROWTH_MAX = 1.15;
/** Fewer show nothing. */
const SAMPLES_MIN = 9;

export interface Taken extends Sample {
  /** Objects that stay for ever, and those that no head names just now: a line shows them, and the end of a run checks them. */
  readonly fences: number;
  readonly loose: number;
}

export async function take(store: ObjectStore, folder: string): Promise<Taken> {
  const [{ objects, bytes, fences, loose }, [files, disk]] = [await look(store), await sizeOf(folder)];
  await collect();
  const memory = process.memoryUsage.rss();
  return {
    objects,
    stored: bytes,
    files,
    disk,
    memory,
    descriptors: await descriptors(),
    fences: fences.length,
    loose: loose.length,
  };
}

export function lineOf({ objects, stored, files, disk, memory, descriptors, fences, loose }: Taken): string {
  const mib = (bytes: number) => `${(bytes / (1 << 20)).toFixed(1)} MiB`;
  const inStore = `store ${objects} objects ${mib(stored)} (and ${fences} fences; ${loose} named by no head)`;
  return `${inStore}, disk ${files} files ${mib(disk)}, memory ${mib(memory)}, ${descriptors} descriptors`;
}

/** What has grown; nothing is known of a run that was too short. */
export function growing(samples: readonly Sample[]): string[] {
  const third = Math.floor(samples.length / 3);
  if (samples.length < SAMPLES_MIN) return [];
  return MEASURES.flatMap((measure) => {
    const median = (some: readonly Sample[]) => medianOf(some.map((sample) => sample[measure]));
    const [middle, last] = [median(samples.slice(-2 * third, -third)), median(samples.slice(-third))];
    return last > middle * GROWTH_MAX ? [`${measure} grew from ${middle} to ${last}`] : [];
  });
}

function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] as number;
}

/** Files, which may go meanwhile, and their bytes, without those of the log, which gets its room before it is written. */
async function sizeOf(folder: string): Promise<[number, number]> {
  let [files, bytes] = [0, 0];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const found = await stat(join(entry.parentPath ?? entry.path, entry.name)).catch(() => undefined);
    if (found === undefined) continue;
    files += 1;
    if (!entry.name.endsWith('.log')) bytes += found.size;
  }
  return [files, bytes];
}

async function collect(): Promise<void> {
  const { gc } = globalThis;
  assert(gc !== undefined, 'needs --expose-gc');
  for (let turns = 0; turns < 3; turns++) {
    gc();
    await delay(10);
  }
}

/** Of this process, where the system says so. Reading the folder opens it. */
async function descriptors(): Promise<number> {
  return readdir('/proc/self/fd').then(
    (names) => names.length,
    () => 0,
  );
}
