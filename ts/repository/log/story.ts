/**
 * What happened to one branch: told by its head, the manifests that it keeps, and its log as far as that is kept.
 *
 * @module
 */

import { decodeManifest } from '../formats/index.js';
import { sharesOf } from '../inspect.js';
import {
  BEGUN_SLOT,
  type Head,
  type Manifest,
  manifestName,
  type Named,
  namedBy,
  ORIGIN,
  type Owner,
  type Records,
  type Stretch,
} from '../protocol/index.js';
import { Budget } from '../shell/index.js';
import type { ObjectStore } from '../store/index.js';
import type { Beginning, LogEvent, Story } from './events.js';
import { readSlot, recordsBefore, recordsWith, slotsFrom } from './slots.js';

/** An event, and the slot before which it happened. */
interface Placed {
  readonly slot: number;
  readonly event: LogEvent;
}

interface Kept {
  readonly named: Named;
  readonly manifest: Manifest;
}

/** From what it has grown, if it has. */
export async function beginningOf(store: ObjectStore, head: Head): Promise<Beginning[]> {
  const { origin, kind, expiresMs } = head;
  const stretch = origin?.stretches.at(-1);
  if (origin === null || stretch === undefined) return [];
  const from = { from: origin.name, fromId: origin.branchId };
  const moment = { ...ofBranch(head), ...from, ...(await momentOfStretch(store, stretch, origin.manifest)) };
  return [kind === 'tag' ? { type: 'tag', ...moment, expiresAt: dateOf(expiresMs) } : { type: 'branch', ...moment }];
}

type Moment = Pick<LogEvent, 'revision' | 'at' | 'time'>;

async function momentOfStretch(
  store: ObjectStore,
  { branchId, to, until }: Stretch,
  manifest: Named | null,
): Promise<Moment> {
  if (until !== null && 'timeMs' in until) return { revision: null, at: new Date(until.timeMs), time: 'exact' };
  const near = dateOf(manifest?.timeMs ?? null);
  const from = manifest !== null && (manifest.of ?? branchId) === branchId ? manifest.floor : BEGUN_SLOT - 1;
  if (until === null) {
    const last = await recordsBefore(store, branchId, from, to);
    if (last !== undefined) return { ...momentOf(last), time: 'exact' };
    // Nothing was written after the checkpoint, or it is not kept any more.
    return { revision: manifest?.revision ?? null, at: near, time: from === to ? 'exact' : 'about' };
  }
  const { revision } = until;
  if (manifest?.revision === revision) return { revision, at: near, time: 'exact' };
  const records = await recordsWith(store, branchId, revision, from, to);
  const at = records === undefined ? near : new Date(records.timeMs);
  return { revision, at, time: records?.revision === revision ? 'exact' : 'about' };
}

function ofBranch({ name: branch, branchId: id }: Head): { branch: string; id: string } {
  return { branch, id };
}

function dateOf(ms: number | null): Date | null {
  return ms === null ? null : new Date(ms);
}

/** All of it. */
export async function storyOf(store: ObjectStore, head: Head): Promise<Story> {
  const { branchId, kind, state } = head;
  const beginning = await beginningOf(store, head);
  const budget = new Budget();
  const named = await Promise.all(namedBy(head).map((named) => budget.take(0, () => read(store, branchId, named))));
  const kept = named
    .filter((found) => found !== undefined)
    .sort((a, b) => a.manifest.position.slot - b.manifest.position.slot || a.manifest.seq - b.manifest.seq);
  const placed: Placed[] = kept.map((one) => checkpointAt(head, one));
  for (const event of beginning) placed.push({ slot: -1, event });
  const newest = kept.at(-1);
  if (head.trimRevision > ORIGIN.revision && newest !== undefined) placed.push(trimAt(head, newest));
  if (state !== 'live')
    placed.push({ slot: Number.POSITIVE_INFINITY, event: { type: 'drop', ...ofBranch(head), ...UNKNOWN } });
  else if (kind === 'branch') placed.push(...(await logAfter(store, head, newest?.manifest, beginning[0], budget)));
  placed.sort((a, b) => a.slot - b.slot);
  return timed(placed.map(({ event }) => event)).reverse();
}

const UNKNOWN = { revision: null, at: null, time: 'about' } as const;

async function read(store: ObjectStore, branchId: string, named: Named): Promise<Kept | undefined> {
  const key = manifestName(branchId, named);
  const found = await store.get(key);
  return found && { named, manifest: await decodeManifest(key, found.body) };
}

function checkpointAt(head: Head, { named, manifest }: Kept): Placed {
  const { revision, timeMs } = named;
  const sizes = { tables: manifest.tables.length, ...sharesOf(head.branchId, manifest.tables) };
  const at = new Date(timeMs);
  return {
    slot: named.end ?? named.floor,
    event: { type: 'checkpoint', ...ofBranch(head), revision, at, time: 'exact', ...sizes },
  };
}

/** The newest checkpoint is the first of which anybody knows that it holds nothing older. */
function trimAt(head: Head, { named }: Kept): Placed {
  const at = new Date(named.timeMs);
  const event = {
    type: 'trim',
    ...ofBranch(head),
    oldest: head.trimRevision,
    revision: null,
    at,
    time: 'before',
  } as const;
  return { slot: (named.end ?? named.floor) - 0.5, event };
}

/** The fences, those before the newest checkpoint by what it says of them, and the end. */
async function logAfter(
  store: ObjectStore,
  head: Head,
  newest: Manifest | undefined,
  beginning: Beginning | undefined,
  budget: Budget,
): Promise<Placed[]> {
  const { branchId, wal, expiresMs } = head;
  const start = newest?.position ?? { ...ORIGIN, slot: wal.floor };
  const placed = await Promise.all(start.fences.map((fence) => budget.take(0, () => fenceAt(store, head, fence))));
  let last: { revision: number | null; at: Date | null } | undefined = newest && momentOf(newest);
  last ??= beginning;
  for await (const { slot, epoch, owner, records } of slotsFrom(store, branchId, start.slot)) {
    if (records !== undefined) last = newer(last, momentOf(records));
    else placed.push(takeover(head, slot, { epoch, ...(last ?? UNKNOWN) }, owner));
  }
  const time = beginning?.time === 'about' && last === beginning ? 'about' : 'exact';
  const { revision, at } = last ?? { revision: ORIGIN.revision, at: null };
  const event: LogEvent = { type: 'end', ...ofBranch(head), revision, at, time, expiresAt: dateOf(expiresMs) };
  return [...placed, { slot: Number.POSITIVE_INFINITY, event }];
}

/** What slots after a checkpoint begin with it may hold already. */
function newer<M extends { revision: number | null }>(before: M | undefined, now: M): M {
  return (before?.revision ?? 0) > (now.revision ?? 0) ? (before as M) : now;
}

async function fenceAt(
  store: ObjectStore,
  head: Head,
  { epoch, slot }: { readonly epoch: number; readonly slot: number },
): Promise<Placed> {
  const { branchId, wal } = head;
  const [fence, next] = await Promise.all([
    readSlot(store, branchId, slot),
    slot + 1 < wal.floor ? undefined : readSlot(store, branchId, slot + 1),
  ]);
  const at = next?.records === undefined ? null : new Date(next.records.timeMs);
  return takeover(head, slot, { epoch, revision: null, at }, fence?.owner);
}

function takeover(
  head: Head,
  slot: number,
  said: { epoch: number; revision: number | null; at: Date | null },
  owner: Owner | undefined,
): Placed {
  const { epoch, revision, at } = said;
  const by = { epoch, owner: owner?.node ?? null };
  const event = { type: 'takeover', ...ofBranch(head), ...by, revision, at, time: 'about' } as const;
  return { slot: slot + 0.5, event };
}

function momentOf({ revision, timeMs }: Pick<Records, 'revision' | 'timeMs'>): { revision: number; at: Date } {
  return { revision, at: new Date(timeMs) };
}

/** In their order: what does not say when it happened had happened by the time of what came next, or soon after what came before. */
function timed(events: LogEvent[]): LogEvent[] {
  let next: Date | null = null;
  for (const event of [...events].reverse()) {
    if (event.at === null && next !== null) Object.assign(event, { at: next, time: 'before' });
    next = event.at ?? next;
  }
  let before: Date | null = null;
  for (const event of events) {
    if (event.at === null && before !== null) Object.assign(event, { at: before, time: 'about' });
    before = event.at ?? before;
  }
  return events;
}
