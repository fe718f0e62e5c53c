/**
 * What a database must hold, as plain maps, and the writes that it is given: keys of a bounded space, so that after a while
 * there is no more of anything than there was before.
 *
 * @module
 */

import { strict as assert } from 'node:assert';
import type { Change, Database, Op } from '../../../ts/index.js';
import type { Random } from '../../support/random.js';

export interface Held {
  readonly value: string;
  readonly expiresAt?: Date;
}

/** A state is changed in place; one that is kept is copied. */
export type State = Map<string, Held>;
type Text = Database<string, string>;

/** Lanes are written beside each other, each in order. */
const LANES = ['a/', 'b/', 'c/', 't/'] as const;
const KEYS = 60;
/** Keys of the last lane expire within seconds: what they hold at a moment nobody can tell to the millisecond. */
export const LASTING = { gte: 'a', lt: 't' } as const;
const TTL_MS_MAX = 4_000;
const LATER_MS = 86_400_000;
/** A clock may be read a little later than the one before. */
const CLOCK_MS = 100;

/** No two values are alike. */
let made = 0;

/** Has random writes made, each of which the model is told of when it is there. */
export async function write(db: Text, state: State, random: Random): Promise<number> {
  const counts = await Promise.all(LANES.map((lane) => writeLane(db, state, lane, splitOff(random))));
  return counts.reduce((sum, count) => sum + count, 0);
}

async function writeLane(db: Text, state: State, lane: string, random: Random): Promise<number> {
  const commits = 2 + random(8);
  for (let n = 0; n < commits; n++) {
    const ops = Array.from({ length: random(4) === 0 ? 1 + random(8) : 1 }, () => draw(lane, random));
    const [op] = ops as [Drawn];
    if (ops.length > 1) await db.batch(ops);
    else if (op.type === 'put') await db.put(op.key, op.value, op.expiresAt && { expiresAt: op.expiresAt });
    else if (op.type === 'del') await db.del(op.key);
    else await db.delRange({ gte: op.gte, lt: op.lt });
    for (const op of ops) apply(state, op);
  }
  return commits;
}

type Drawn = Op<string, string> &
  (
    | { type: 'put'; key: string; value: string; expiresAt?: Date }
    | { type: 'del'; key: string }
    | { type: 'delRange'; gte: string; lt: string }
  );

function draw(lane: string, random: Random): Drawn {
  const at = random(KEYS);
  const key = keyOf(lane, at);
  const kind = random(20);
  if (kind === 0) return { type: 'delRange', gte: key, lt: keyOf(lane, at + 1 + random(10)) };
  if (kind < 4) return { type: 'del', key };
  const value = textOf(at, random);
  if (lane === LANES[3]) return { type: 'put', key, value, expiresAt: new Date(Date.now() + random(TTL_MS_MAX)) };
  if (kind < 6) return { type: 'put', key, value, expiresAt: new Date(Date.now() + LATER_MS + random(LATER_MS)) };
  return { type: 'put', key, value };
}

function apply(state: State, op: Drawn): void {
  if (op.type === 'put') state.set(op.key, { value: op.value, ...(op.expiresAt && { expiresAt: op.expiresAt }) });
  else if (op.type === 'del') state.delete(op.key);
  else for (const key of [...state.keys()]) if (key >= op.gte && key < op.lt) state.delete(key);
}

const keyOf = (lane: string, at: number) => `${lane}${String(at).padStart(3, '0')}`;

/** Mostly small; some in blob files. How large goes by the key, so that what a database holds is nearly the same at any time. */
const BYTES = [50, 50, 50, 50, 500, 500, 3_000, 3_000, 9_000, 9_000];

function textOf(at: number, random: Random): string {
  const bytes = BYTES[at % BYTES.length] as number;
  made += 1;
  const words = Array.from({ length: 1 + bytes / 6 }, () => random(2 ** 31).toString(36));
  return `${made} ${words.join('')}`;
}

function splitOff(random: Random): Random {
  let state = random(2 ** 31);
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Compares everything that a database holds with what it must hold; of a past state what lasts: nothing expires in it. */
export async function check(db: Text, state: State, what: string, at?: number): Promise<void> {
  const beganMs = Date.now();
  const rows = await db.entries(at === undefined ? {} : { ...LASTING, at }).toArray();
  const endedMs = Date.now();
  const found = new Map(rows);
  const wrong: string[] = [];
  for (const [key, { value, expiresAt }] of state) {
    if (at !== undefined && !isLasting(key)) continue;
    const ms = expiresAt?.getTime() ?? Number.POSITIVE_INFINITY;
    const here = found.get(key);
    found.delete(key);
    if (here === undefined ? ms > endedMs + CLOCK_MS : here !== value || ms < beganMs - CLOCK_MS) {
      wrong.push(`${key}: ${shown(here)} instead of ${shown(value)}, ${ms - beganMs} ms before it expires`);
    }
  }
  for (const [key, value] of found) wrong.push(`${key}: ${shown(value)} instead of nothing`);
  assert.deepEqual(wrong, [], what);
}

const shown = (value: string | undefined) => (value === undefined ? 'nothing' : value.slice(0, 40));

const isLasting = (key: string) => key >= LASTING.gte && key < LASTING.lt;

/** The keys that last and differ. */
function differing(one: State, other: State): string[] {
  const keys = new Set([...one.keys(), ...other.keys()].filter(isLasting));
  return [...keys].filter((key) => !isSame(one.get(key), other.get(key))).sort();
}

function isSame(one: Held | undefined, other: Held | undefined): boolean {
  return one?.value === other?.value && one?.expiresAt?.getTime() === other?.expiresAt?.getTime();
}

export function checkDiff(changes: readonly Change<string, string>[], before: State, after: State, what: string): void {
  const said = changes.map((change) => [change.key, change.before?.value, change.after?.value]);
  const wanted = differing(before, after).map((key) => [key, before.get(key)?.value, after.get(key)?.value]);
  assert.deepEqual(said, wanted, what);
}

/** What a merge comes to; `ours`, that of the model, has it then unless there are conflicts that nobody decides. */
export function merge(base: State, ours: State, theirs: State, policy: 'ours' | 'theirs' | 'report') {
  const written: [string, Held | undefined][] = [];
  const conflicts: string[] = [];
  for (const key of differing(base, theirs)) {
    if (isSame(ours.get(key), theirs.get(key))) continue;
    const isOurs = isSame(ours.get(key), base.get(key));
    if (!isOurs) conflicts.push(key);
    if (isOurs || policy === 'theirs') written.push([key, theirs.get(key)]);
  }
  const isMade = policy !== 'report' || conflicts.length === 0;
  for (const [key, held] of isMade ? written : []) {
    if (held === undefined) ours.delete(key);
    else ours.set(key, held);
  }
  return { isMade, changes: written.length, conflicts };
}
