/**
 * What a map does not do: snapshots, conditions, deadlines.
 *
 * @module
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { duration } from './figures.js';
import { empty, type Library } from './library.js';
import type { Tour } from './tour.js';

export interface MoreReport {
  snapshot: { before: string | undefined; after: string | undefined };
  check: { first: boolean; second: boolean };
  ttl: { ms: number; before: string | undefined; after: string | undefined };
}

const TTL_MS = 250;

export async function more(tour: Tour, library: Library): Promise<MoreReport> {
  const { scratch } = library;
  await empty(scratch);
  const report = {
    snapshot: await showSnapshot(tour, library),
    check: await showCheck(tour, library),
    ttl: await showTtl(tour, library),
  };
  await empty(scratch);
  return report;
}

async function showSnapshot({ screen }: Tour, { db, scratch }: Library): Promise<MoreReport['snapshot']> {
  await scratch.put('tree', 'standing');
  using snapshot = db.snapshot();
  await scratch.put('tree', 'cut');
  const before = await scratch.get('tree', { snapshot });
  const after = await scratch.get('tree');
  screen.line(`A snapshot from before still reads "${before}", the database "${after}".`);
  return { before, after };
}

/** Two writers have read the same value; both write on the condition that it has not changed since. */
async function showCheck({ screen }: Tour, { scratch }: Library): Promise<MoreReport['check']> {
  const revision = (await scratch.getEntry('tree'))?.revision ?? null;
  const first = await scratch.batch().check({ key: 'tree', revision }).put('tree', 'sprouting').write();
  const second = await scratch.batch().check({ key: 'tree', revision }).put('tree', 'sold').write();
  const [one, other] = [first.ok, second.ok].map((ok) => (ok ? 'is committed' : 'is refused'));
  screen.line(`Of two batches that rely on what both have read, the first ${one}, the second ${other}.`);
  return { first: first.ok, second: second.ok };
}

async function showTtl({ screen, signal }: Tour, { scratch }: Library): Promise<MoreReport['ttl']> {
  await scratch.put('shoot', 'green', { ttl: TTL_MS });
  const entry = await scratch.getEntry('shoot');
  const ends = entry?.expiresAt?.getTime() ?? Date.now();
  await sleep(Math.max(0, ends - Date.now()) + 1, undefined, { signal });
  const after = await scratch.get('shoot');
  const found = after === undefined ? 'is gone' : `is still "${after}"`;
  screen.line(`A key with a ttl of ${duration(TTL_MS)} reads "${entry?.value}"; after that time it ${found}.`);
  return { ms: TTL_MS, before: entry?.value, after };
}
