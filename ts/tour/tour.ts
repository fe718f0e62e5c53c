/**
 * The tour from beginning to end.
 *
 * @module
 */

import { type AnswerReport, ask } from './ask.js';
import { type BesideReport, beside } from './beside.js';
import { type BranchReport, branch } from './branch.js';
import { duration } from './figures.js';
import { type GrowReport, grow } from './grow.js';
import { type KillReport, kill } from './kill.js';
import { databaseFolder, type Library } from './library.js';
import { type LoadReport, load } from './load.js';
import { type MoreReport, more } from './more.js';
import { next } from './next.js';
import type { TourOptions } from './options.js';
import type { Screen } from './screen.js';

/** What every part of the tour is given. */
export interface Tour {
  readonly options: TourOptions;
  readonly screen: Screen;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
}

export interface Report {
  ok: boolean;
  path: string;
  load: LoadReport;
  answers: AnswerReport[];
  more: MoreReport;
  beside: BesideReport;
  kills: KillReport[];
  verify: { ok: boolean; checkedBytes: number };
  grown: GrowReport;
  branched: BranchReport;
  ms: number;
}

/** Runs every part. Whatever ends it early, no handle stays open and no child alive. */
export async function run(tour: Tour): Promise<Report> {
  const { options, screen } = tour;
  const path = databaseFolder(options.path);
  const began = performance.now();

  screen.title('1. A dictionary becomes a database');
  const { library, report: loaded } = await load(tour);
  const questions = await closing(library, async () => {
    screen.title('2. Questions');
    const answers = await ask(tour, library, loaded);
    screen.title('3. More than a map');
    return { answers, more: await more(tour, library) };
  });

  screen.title('4. Beside an engine in pure JavaScript');
  const compared = await beside(tour);

  screen.title('5. A writer is killed');
  const { kills, verify } = await kill(tour);

  screen.title('6. A disk is lost');
  const grown = await grow(tour);

  screen.title('7. A branch is grown');
  const branched = await branch(tour);

  screen.title('8. What to try next');
  next(screen, options);
  const ms = performance.now() - began;
  screen.line(screen.dim(`The tour took ${duration(ms)}.`));
  const isWhole = verify.ok && grown.same && branched.same;
  const ok = isWhole && kills.every(({ lost, torn, dictionaryWhole }) => lost + torn === 0 && dictionaryWhole);
  return { ok, path, load: loaded, ...questions, beside: compared, kills, verify, grown, branched, ms };
}

/** Closes the database after `use`, whether it succeeds or not. */
export async function closing<T>({ db }: Library, use: () => Promise<T>): Promise<T> {
  try {
    return await use();
  } finally {
    await db.close();
  }
}
