/**
 * Questions to the dictionary. What is shown as code is the function that ran.
 *
 * @module
 */

import type { Meaning } from './dictionary.js';
import { count, counted, duration, timed } from './figures.js';
import { FIRST_MEANING, type Library } from './library.js';
import type { LoadReport } from './load.js';
import type { Tour } from './tour.js';

interface Question<T> {
  readonly ask: string;
  run(library: Library): Promise<T>;
  /** The answer in lines. */
  tell(answer: T): string[];
}

export interface AnswerReport {
  ask: string;
  code: string;
  answer: string[];
  ms: number;
}

const LINES_MAX = 4;
const TEXT_MAX = 70;

const QUESTIONS: readonly Question<never>[] = [
  question({
    ask: 'One key: what is a coppice?',
    run: ({ db }) => db.get('noun.group/coppice/01'),
    tell: (found) => (found === undefined ? ['nothing'] : [`${inShort(found)}; also ${found.synonyms.join(', ')}`]),
  }),
  question({
    ask: 'An index, then many keys at once: what does "bank" mean?',
    run: async ({ db, words }) => db.getMany(await words.values({ prefix: 'bank:' }).toArray()),
    tell: (found) =>
      some(
        found.flatMap((one) => (one === undefined ? [] : [inShort(one)])),
        'meaning',
      ),
  }),
  question({
    ask: 'A prefix: which plants begin with "oak"?',
    run: ({ db }) => db.keys({ prefix: 'noun.plant/oak' }).toArray(),
    tell: (keys) => some(keys, 'key'),
  }),
  question({
    ask: 'A range: which animals stand from "otter" up to "owl"?',
    run: ({ db }) => db.keys({ gte: 'noun.animal/otter', lt: 'noun.animal/owl' }).toArray(),
    tell: (keys) => some(keys, 'key'),
  }),
  question({
    ask: 'From the other end: what are the last words of all?',
    run: ({ words }) => words.keys({ reverse: true, limit: 3 }).toArray(),
    tell: (keys) => some(keys, 'key'),
  }),
  question({
    ask: 'Counting: how many meanings are foods?',
    run: ({ db }) => db.count({ prefix: 'noun.food/' }),
    tell: (found) => [counted(found, 'meaning')],
  }),
  question({
    ask: 'Range after range: what is a kind of tree, or a kind of that?',
    run: ({ kinds }) => kindsBelow(kinds, 'noun.plant/tree/01'),
    tell: ({ found, ranges }) => [...some(found, 'kind'), `by reading ${counted(ranges, 'range')}`],
  }),
  question({
    ask: 'Everything: which meanings are used most?',
    run: ({ db }) => mostUsed(db.values({ gte: FIRST_MEANING }), 3),
    tell: ({ most, read }) => [...most.map(tellUses), `by reading ${counted(read, 'value')}`],
  }),
];

/** Asks every question and shows what was asked, what was run, the answer, and how long it took. */
export async function ask(tour: Tour, library: Library, loaded: LoadReport): Promise<AnswerReport[]> {
  const { screen, signal } = tour;
  const reports: AnswerReport[] = [];
  if (loaded.meanings < loaded.total) {
    const part = `${count(loaded.meanings)} of ${count(loaded.total)} meanings`;
    screen.line(`Only ${part} are loaded, and what is asked about others finds nothing: npm start loads them.`);
  }
  for (const { ask, run, tell } of QUESTIONS) {
    signal.throwIfAborted();
    const { ms, answer } = await timed(() => run(library));
    const lines = tell(answer);
    screen.line(ask);
    screen.code(`  ${source(run)}`);
    for (const line of lines) screen.line(`    ${line}`);
    screen.line(`    ${screen.dim(duration(ms))}`);
    reports.push({ ask, code: source(run), answer: lines, ms });
  }
  return reports;
}

/** Lets every question have its own type of answer. */
function question<T>(one: Question<T>): Question<never> {
  return one as Question<never>;
}

/** The body of a function without its parameters. */
function source(run: (library: Library) => unknown): string {
  const text = run.toString();
  return text.slice(text.indexOf('=>') + 2).trim();
}

function some(lines: readonly string[], what: string): string[] {
  const more = lines.length - LINES_MAX;
  const shown = lines.slice(0, LINES_MAX);
  if (more > 0) return [...shown, `and ${counted(more, `more ${what}`)}`];
  return lines.length === 0 ? ['nothing'] : shown;
}

function tellUses(one: Meaning): string {
  const [meaning = ''] = inShort(one).split(';');
  return `${one.word}: ${meaning} (${counted(one.uses, 'use')})`;
}

/** A meaning without the examples. */
function inShort({ meaning }: Meaning): string {
  const [text = ''] = meaning.split(/[;:] "/);
  return text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}...` : text;
}

/** Everything that is a kind of something, or of a kind of it, and so on. */
async function kindsBelow(kinds: Library['kinds'], root: string): Promise<{ found: string[]; ranges: number }> {
  const found = new Set<string>();
  const open = [root];
  let ranges = 0;
  for (let key = open.pop(); key !== undefined; key = open.pop()) {
    ranges++;
    for await (const kind of kinds.values({ prefix: `${key}:` })) {
      if (!found.has(kind)) open.push(kind);
      found.add(kind);
    }
  }
  return { found: [...found], ranges };
}

async function mostUsed(values: AsyncIterable<Meaning>, limit: number): Promise<{ most: Meaning[]; read: number }> {
  const most: Meaning[] = [];
  let read = 0;
  for await (const value of values) {
    read++;
    if (most.length === limit && value.uses <= (most[limit - 1] as Meaning).uses) continue;
    most.push(value);
    most.sort((a, b) => b.uses - a.uses);
    most.length = Math.min(most.length, limit);
  }
  return { most, read };
}
