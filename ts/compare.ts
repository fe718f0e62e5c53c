/**
 * Comparing two databases entry by entry, by what reads answer: nothing is taken for equal because both have the same table.
 *
 * @module
 */

import type { Entry, Version } from './keyspace.js';
import type { Reader } from './reader.js';

/** Keys and values in bytes. */
export type Side = Reader<Buffer, Buffer>;

/** A key that two databases hold differently, in words. */
export interface Difference {
  key: Buffer;
  what: string;
}

export interface Comparing {
  /** Of databases with history: everything between these revisions. Without: what they hold now. */
  readonly past: { readonly from: number; readonly to: number } | undefined;
  /** How the two are called. */
  readonly names: readonly [string, string];
  /** Called now and then with how many keys were compared. */
  readonly told: (keys: number) => void;
}

/** Between two calls of `told`. */
const KEYS_PER_CALL = 1_000;
/** So many states of the past are looked into, for keys that are not there any more. */
const MOMENTS_MAX = 1_000;

/** In the order of the keys; those that are not there any more come last. Nobody writes to either meanwhile. */
export async function* differences(one: Side, other: Side, comparing: Comparing): AsyncGenerator<Difference> {
  const { past, names, told } = comparing;
  const versions = past === undefined ? undefined : (key: Buffer) => unlikePast(key, one, other, past, names);
  for await (const { key, entries } of together(one, other, past?.to, told)) {
    const what = unlike(entries[0], entries[1], names) ?? (await versions?.(key));
    if (what !== undefined) yield { key, what };
  }
  if (past === undefined || versions === undefined) return;
  for await (const key of deleted(one, other, past)) {
    const what = await versions(key);
    if (what !== undefined) yield { key, what };
  }
}

type Found = Entry<Buffer, Buffer> | undefined;

/** Every key that one of the two holds, with what either does. */
async function* together(one: Side, other: Side, at: number | undefined, told: Comparing['told']) {
  const options = at === undefined ? {} : { at };
  const [a, b] = [one, other].map((side) => side.records(options)[Symbol.asyncIterator]()) as [Rows, Rows];
  let keys = 0;
  try {
    let [x, y] = [await nextOf(a), await nextOf(b)];
    while (x !== undefined || y !== undefined) {
      const order = x === undefined ? 1 : y === undefined ? -1 : Buffer.compare(x.key, y.key);
      const entries: [Found, Found] = [order <= 0 ? x : undefined, order >= 0 ? y : undefined];
      yield { key: (entries[0] ?? entries[1])?.key as Buffer, entries };
      keys += 1;
      if (keys % KEYS_PER_CALL === 0) told(keys);
      if (order <= 0) x = await nextOf(a);
      if (order >= 0) y = await nextOf(b);
    }
    told(keys);
  } finally {
    await Promise.all([a.return?.(undefined), b.return?.(undefined)]);
  }
}

type Rows = AsyncIterator<Entry<Buffer, Buffer>>;

async function nextOf(rows: Rows): Promise<Found> {
  const { done, value } = await rows.next();
  return done === true ? undefined : value;
}

/** What is different of an entry; what expires while the two are read is not. */
function unlike(one: Found, other: Found, [first, second]: Comparing['names']): string | undefined {
  if (one === undefined || other === undefined) {
    const there = one ?? other;
    if (there?.expiresAt !== undefined && there.expiresAt.getTime() <= Date.now()) return undefined;
    return `it is in ${one === undefined ? second : first} only`;
  }
  if (one.revision !== other.revision)
    return `its revision is ${one.revision} in ${first}, ${other.revision} in ${second}`;
  if (!one.value.equals(other.value)) return `its values in ${first} and ${second} differ`;
  if (one.expiresAt?.getTime() !== other.expiresAt?.getTime())
    return `it expires at another time in ${first} than in ${second}`;
  const isSame = one.createRevision === other.createRevision && one.version === other.version;
  return isSame ? undefined : `its versions are counted otherwise in ${first} than in ${second}`;
}

async function unlikePast(
  key: Buffer,
  one: Side,
  other: Side,
  { from, to }: NonNullable<Comparing['past']>,
  names: Comparing['names'],
): Promise<string | undefined> {
  const [a, b] = await Promise.all([
    one.history(key, { from, to }).toArray(),
    other.history(key, { from, to }).toArray(),
  ]);
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const what = unlikeVersion(a[i], b[i], names);
    if (what !== undefined) return `of its past: ${what}`;
  }
  return undefined;
}

function unlikeVersion(one: Past, other: Past, names: Comparing['names']): string | undefined {
  if (one?.type === 'put' && other?.type === 'put') return unlike(one, other, names);
  const isSame = one?.type === other?.type && one?.revision === other?.revision;
  return isSame ? undefined : `${names[0]} and ${names[1]} do not have the same commits of it`;
}

type Past = Version<Buffer, Buffer> | undefined;

/**
 * Keys that were deleted in either, and are in none of the two now: all of them if there are few revisions; else not those that were
 * not there for long.
 */
async function* deleted(
  one: Side,
  other: Side,
  { from, to: newest }: NonNullable<Comparing['past']>,
): AsyncGenerator<Buffer> {
  const known = new Set<string>();
  const now = { at: newest };
  const step = Math.max(1, Math.ceil((newest - from) / MOMENTS_MAX));
  for (let before = from; before < newest; before += step) {
    const at = Math.min(before + step, newest);
    for (const side of [one, other]) {
      for await (const { key, after } of side.diff(before, { at })) {
        if (after !== undefined || known.has(key.toString('latin1'))) continue;
        known.add(key.toString('latin1'));
        if (!(await one.has(key, now)) && !(await other.has(key, now))) yield key;
      }
    }
  }
}
