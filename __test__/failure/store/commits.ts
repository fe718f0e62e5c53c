/**
 * What the writers write: each commit takes the next number of a counter, whose value digests all commits before, and puts two
 * keys of its own beside it. So a commit that is lost, doubled, torn or out of its place shows.
 *
 * @module
 */

import { createHash } from 'node:crypto';
import { splitMix32 } from '../../support/random.js';

export const COUNTER = 'counter';
/** Of the halves of a commit. They lie far apart, so that they get into different pages. */
export const HALVES = ['commit/', 'half/'] as const;
const BYTES_MAX = 3_000;
/** One commit in so many is large. */
const LARGE_EVERY = 50;
const LARGE_BYTES_MAX = 60_000;

/** How far the counter is, and the digest of all commits up to there. */
export interface Count {
  n: number;
  digest: string;
}

export const NOTHING: Count = { n: 0, digest: '-' };

/** The count after a commit of this name. */
export function next({ n, digest }: Count, name: string): Count {
  const hash = createHash('sha256').update(`${n} ${digest} ${name}`).digest('hex');
  return { n: n + 1, digest: hash.slice(0, 16) };
}

export function batchOf(name: string, count: Count): { type: 'put'; key: string; value: string }[] {
  const counter = { type: 'put', key: COUNTER, value: textOf(count) } as const;
  return [counter, ...HALVES.map((half) => ({ type: 'put', key: half + name, value: bodyOf(count) }) as const)];
}

/** The value of both halves: it follows from the count, so that any other is wrong. */
export function bodyOf(count: Count): string {
  const random = splitMix32(Number.parseInt(count.digest.slice(0, 8), 16));
  const bytes = random(random(LARGE_EVERY) === 0 ? LARGE_BYTES_MAX : BYTES_MAX);
  return `${textOf(count)} `.padEnd(bytes, count.digest);
}

export function countOf(value: string | undefined): Count {
  if (value === undefined) return NOTHING;
  const [n, digest] = value.split(' ', 2) as [string, string];
  return { n: Number(n), digest };
}

function textOf({ n, digest }: Count): string {
  return `${n} ${digest}`;
}
