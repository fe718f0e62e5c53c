/**
 * Checking a branch where it lies: whatever its head names is there and is what it should be, and its log has no gap.
 *
 * @module
 */

import { CoppiceError } from '../errors.js';
import { decodeManifest, decodeSlot } from './formats/index.js';
import {
  type Head,
  headName,
  type Manifest,
  manifestName,
  type Named,
  neededBy,
  ORIGIN,
  sha256,
  slotName,
  type Table,
  tableName,
} from './protocol/index.js';
import { Budget, noBranch, type OnProgress, readHead, sha256Of } from './shell/index.js';
import type { ObjectStore } from './store/index.js';

/** What a check of a branch found. */
export interface BranchReport {
  ok: boolean;
  manifests: number;
  tables: number;
  slots: number;
  problems: { file: string; offset: number; what: string }[];
}

type Kept = Table & { readonly bytes?: number };

/**
 * `deep`: reads every table; else the store is asked for its size and, where it keeps one, its hash. What changes meanwhile
 * because the branch is being collected may be reported as missing: then check again.
 */
export async function verifyBranch(
  store: ObjectStore,
  branch: string,
  deep: boolean,
  onProgress: OnProgress = () => {},
): Promise<BranchReport> {
  const report: BranchReport = { ok: true, manifests: 0, tables: 0, slots: 0, problems: [] };
  const head = await readHead(store, headName(branch));
  if (head?.state !== 'live') throw noBranch(branch, store);
  const manifests = await Promise.all(neededBy(head).map((named) => manifest(store, head.branchId, named, report)));
  const tables = new Map<string, Kept>();
  for (const found of manifests) for (const table of found?.tables ?? []) tables.set(tableName(table), table);
  const budget = new Budget();
  const check = deep ? reads : looks;
  const told = (slots: number) =>
    onProgress({ phase: 'verify', done: report.tables + slots, total: tables.size + slotsOf(head), unit: 'objects' });
  await Promise.all(
    [...tables].map(([key, table]) =>
      budget.take(table.bytes ?? 0, async () => {
        complain(report, key, await check(store, key, table));
        report.tables += 1;
        told(0);
      }),
    ),
  );
  const isFirst = (found: Manifest | undefined) =>
    found?.branchId === head.branchId && found.position.slot === head.wal.floor;
  const first = manifests.find(isFirst)?.position;
  await log(
    store,
    head.branchId,
    head.wal,
    head.wal.floor === ORIGIN.slot ? ORIGIN.digest : first?.digest,
    report,
    told,
  );
  report.ok = report.problems.length === 0;
  return report;
}

function complain({ problems }: BranchReport, file: string, what: string | undefined): void {
  if (what !== undefined) problems.push({ file, offset: 0, what });
}

async function manifest(
  store: ObjectStore,
  branchId: string,
  named: Named,
  report: BranchReport,
): Promise<Manifest | undefined> {
  const key = manifestName(named.of ?? branchId, named);
  report.manifests += 1;
  const found = await read(store, key, (body) => decodeManifest(key, body), report);
  if (found === undefined) return undefined;
  const isNamed = sha256(JSON.stringify(found)) === named.sha256;
  complain(report, key, isNamed ? undefined : 'it is not the manifest that the head names');
  return found;
}

/** Slot after slot from the floor on. `previous`: the chain digest before it, where one is known. */
async function log(
  store: ObjectStore,
  branchId: string,
  { floor, hint }: { readonly floor: number; readonly hint: number },
  previous: string | undefined,
  report: BranchReport,
  told: (slots: number) => void,
): Promise<void> {
  for (let slot = floor; ; slot++) {
    const key = slotName(branchId, slot);
    if (slot >= hint && (await store.head(key)) === undefined) return;
    const found = await read(store, key, async (body) => decodeSlot(key, body), report);
    if (found !== undefined) report.slots += 1;
    const follows = found === undefined || previous === undefined || found.previous === previous;
    complain(report, key, follows ? undefined : 'it does not follow from the slot before');
    previous = found?.digest;
    told(slot + 1 - floor);
  }
}

/** As far as the head knows. */
function slotsOf({ wal }: Head): number {
  return Math.max(0, wal.hint - wal.floor);
}

async function read<T>(
  store: ObjectStore,
  key: string,
  decode: (body: Uint8Array) => Promise<T>,
  report: BranchReport,
): Promise<T | undefined> {
  const complained = (error: unknown) => complain(report, key, (error as Error).message) as undefined;
  try {
    const found = await store.get(key);
    if (found === undefined) return complain(report, key, 'it is missing') as undefined;
    return await decode(found.body).catch(complained);
  } catch (error) {
    // One that encrypts finds damage by itself; what else fails says nothing about the object.
    if (error instanceof CoppiceError && error.code === 'COPPICE_CORRUPT') return complained(error);
    throw error;
  }
}

async function looks(store: ObjectStore, key: string, table: Kept): Promise<string | undefined> {
  const found = await store.head(key);
  if (found === undefined) return 'it is missing';
  if (table.bytes !== undefined && found.size !== table.bytes) return `it has ${found.size} bytes, not ${table.bytes}`;
  const isSame = found.sha256 === undefined || found.sha256 === table.sha256;
  return isSame ? undefined : `its SHA-256 is ${found.sha256}, not ${table.sha256}`;
}

async function reads(store: ObjectStore, key: string, table: Kept): Promise<string | undefined> {
  const found = await store.get(key);
  if (found === undefined) return 'it is missing';
  const digest = await sha256Of(found.body);
  return digest === table.sha256 ? undefined : `its SHA-256 is ${digest}, not ${table.sha256}`;
}
