/**
 * What has grown back gets a branch of how it was then: a change is rehearsed there, looked at, and merged.
 *
 * The change is one that is worth a rehearsal: examples, which stand in the text of a meaning, get a field of their own.
 *
 * @module
 */

import { rm } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { type Database, open } from '../index.js';
import type { Meaning } from './dictionary.js';
import { bytes, count, counted, duration, timed } from './figures.js';
import { diskFolder, storeFolder } from './grow.js';
import { FIRST_MEANING } from './library.js';
import type { Tour } from './tour.js';

export interface BranchReport {
  /** Until it was made and open. */
  branchMs: number;
  /** Of its tables in the store, with the change: main's, and its own. */
  sharedBytes: number;
  ownBytes: number;
  /** How many keys differ, and how, from main to the branch. */
  diff: { changed: number; made: number; deleted: number; ms: number };
  merge: { changes: number; ms: number };
  /** Whether both sides, the diff and the merge held what they had to, key by key. */
  same: boolean;
}

type Revised = Meaning & { examples?: string[] };
type Side = Database<string, Revised>;

/** A key, and what main and the branch hold there. */
interface Difference {
  key: string;
  main: Revised | undefined;
  branch: Revised | undefined;
}

const NAME = 'rehearsal';
/** So many meanings are looked at, from the first on. */
const ROWS = 10_000;
const ON_MAIN = { key: 'noun.group/coppice/02', main: coppice('a database that grows back'), branch: undefined };
const ON_BRANCH = { key: 'verb.change/coppice/01', main: undefined, branch: coppice('cut, so that it grows back') };

export async function branch(tour: Tour): Promise<BranchReport> {
  const { options, screen, signal } = tour;
  const how = { store: storeFolder(options.path), durability: 'remote', valueEncoding: 'json' } as const;
  await using main = await open<string, Revised>(diskFolder(options.path), how);
  const past = main.revision;
  await main.put(ON_MAIN.key, ON_MAIN.main);
  const { ms, answer: rehearsal } = await timed(() => main.branch(NAME, { at: past, signal }));
  try {
    screen.line(
      `Main is at revision ${main.revision} by now; a branch of revision ${past} was made and open after ${duration(ms)}.`,
    );
    return { branchMs: ms, ...(await rehearse(tour, main, rehearsal)) };
  } finally {
    await rehearsal.close();
    await main.dropBranch(NAME);
    await rm(rehearsal.path, { recursive: true });
    screen.line('The branch has been dropped.');
  }
}

/** Changes the branch, and brings into main what has changed. */
async function rehearse(tour: Tour, main: Side, rehearsal: Side): Promise<Omit<BranchReport, 'branchMs'>> {
  const { screen, signal } = tour;
  const differences = [...(await revise(rehearsal)), ON_MAIN].sort((a, b) => (a.key < b.key ? -1 : 1));
  const size = await sizeOf(rehearsal);
  const written = `${bytes(size.ownBytes)} of tables are its own, ${bytes(size.sharedBytes)} it shares`;
  screen.line(`On it examples get a field of their own, and numerals go: ${written}.`);
  const isApart = (await holds(main, differences, 'main')) && (await holds(rehearsal, differences, 'branch'));

  const { ms: diffMs, answer: changes } = await timed(() => rehearsal.diff('main', { signal }).toArray());
  const seen = changes.map(({ key, before, after }) => ({ key, main: before?.value, branch: after?.value }));
  const made = seen.filter(({ main }) => main === undefined);
  const deleted = seen.filter(({ branch }) => branch === undefined);
  const changed = seen.filter(({ main, branch }) => main !== undefined && branch !== undefined);
  const all = `${count(changed.length)} keys changed, ${count(made.length)} made, ${count(deleted.length)} not there`;
  screen.line(`What differs from main, found in ${duration(diffMs)}: ${all}, one of which main has made since.`);
  for (const some of [changed, made, deleted]) for (const one of some.slice(0, 1)) screen.line(`  ${shown(one)}`);

  // What main has made since stays; everything else becomes what it is on the branch.
  const wanted = differences.map((one) => (one === ON_MAIN ? { ...one, branch: one.main } : one));
  const keys = (await rehearsal.count()) + 1;
  const { ms: mergeMs, answer: merged } = await timed(() => main.merge(NAME, { signal }));
  const isMerged = merged.ok && (await holds(main, wanted, 'branch')) && (await main.count()) === keys;
  const same = isApart && isDeepStrictEqual(seen, differences) && isMerged;
  const whole = same ? 'main has all of it, and what it had made itself' : 'DIFFERENT from what was written';
  screen.line(`Merged into main in ${duration(mergeMs)}, ${counted(merged.changes, 'key')} in one commit: ${whole}.`);
  const counts = { changed: changed.length, made: made.length, deleted: deleted.length };
  return { ...size, diff: { ...counts, ms: diffMs }, merge: { changes: merged.changes, ms: mergeMs }, same };
}

/** Makes the change, and answers what is different from then on. */
async function revise(rehearsal: Side): Promise<Difference[]> {
  const differences: Difference[] = [ON_BRANCH];
  for await (const [key, main] of rehearsal.entries({ gte: FIRST_MEANING, limit: ROWS })) {
    const [meaning = '', ...examples] = main.meaning.split('; "');
    if (/^\d/.test(main.word)) differences.push({ key, main, branch: undefined });
    else if (examples.length > 0) differences.push({ key, main, branch: { ...main, meaning, examples } });
  }
  await rehearsal.batch(
    differences.map(({ key, branch }) =>
      branch === undefined ? { type: 'del', key } : { type: 'put', key, value: branch },
    ),
  );
  return differences;
}

/** With everything that was written in tables. */
async function sizeOf(rehearsal: Side): Promise<{ sharedBytes: number; ownBytes: number }> {
  await rehearsal.checkpoint();
  const found = (await rehearsal.branches()).find(({ name }) => name === NAME);
  return { sharedBytes: found?.sharedBytes ?? 0, ownBytes: found?.ownBytes ?? 0 };
}

async function holds(db: Side, differences: readonly Difference[], side: 'main' | 'branch'): Promise<boolean> {
  const found = await db.getMany(differences.map(({ key }) => key));
  return isDeepStrictEqual(
    found,
    differences.map((one) => one[side]),
  );
}

function shown({ key, main, branch }: Difference): string {
  if (branch === undefined) return `- ${key}`;
  if (main === undefined) return `+ ${key}: ${branch.meaning}`;
  return `~ ${key}: "${branch.examples?.[0]}`;
}

function coppice(meaning: string): Meaning {
  return { word: 'coppice', meaning, synonyms: [], uses: 0 };
}
