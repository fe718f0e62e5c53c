/** Files stay small enough to be read whole. */

import test from 'ava';
import { sources } from './sources.js';

const LINES_MAX = 500;
const LINES_OF_NINE_IN_TEN_MAX = 350;
const LINES_MEDIAN_MAX = 130;

const all = [
  ...sources('crates', '.rs'),
  ...['ts', '__test__', 'bench'].flatMap((folder) => sources(folder, '.ts')),
  ...sources('scripts', '.mjs'),
];
const lines = (text: string) => text.split('\n').length - 1;

test('no file is longer than can be read whole', (t) => {
  const long = all.filter(({ text }) => lines(text) > LINES_MAX).map(({ path, text }) => `${path}: ${lines(text)}`);
  t.deepEqual(long, []);
});

test('the median file is short, and nine of ten are not long', (t) => {
  const sizes = all.map(({ text }) => lines(text)).sort((a, b) => a - b);
  const at = (share: number) => sizes[Math.floor(sizes.length * share)] as number;
  t.log(`${sizes.length} files, median ${at(0.5)} lines, nine of ten at most ${at(0.9)}, longest ${sizes.at(-1)}`);
  t.true(sizes.length > 100, 'the files were found');
  t.true(at(0.5) <= LINES_MEDIAN_MAX);
  t.true(at(0.9) <= LINES_OF_NINE_IN_TEN_MAX);
});

test('every shipped file opens with what it is for', (t) => {
  const shipped = all.filter(({ path }) => !/(^|\/)(tests?|__test__|bench)(\/|\.rs$)/.test(path));
  t.true(shipped.length > 100, 'the files were found');
  const silent = shipped.filter(({ text }) => !/^(#!.*\n)?(\/\/!|\/\*\*|\/\/ )/.test(text)).map(({ path }) => path);
  t.deepEqual(silent, []);
});
