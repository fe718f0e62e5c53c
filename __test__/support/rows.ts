/** Pages that show, row by row, which test shows what. */

import type { ExecutionContext } from 'ava';
import { sources } from '../house/sources.js';
import { TESTS, unknownIn } from '../house/titles.js';

/** A row of a table: its name, and its last cell, which says what shows it. */
export interface Row {
  name: string;
  shown: string;
}

/** The rows of the tables of a page whose names are a letter and a number. */
export function rowsOf(page: string): Row[] {
  const [source] = sources('docs', page);
  const rows = [...(source?.text ?? '').matchAll(/^\| ([A-Z]\d+) \|.*\| (.*) \|$/gm)];
  return rows.map(([, name, shown]) => ({ name: name as string, shown: shown as string }));
}

/** Asserts that every test that the rows name is there, and that a test that bears the name of a row is in it: `'t4 H1: ...'`. */
export function checkTests(t: ExecutionContext, of: string, rows: readonly Row[]): void {
  t.deepEqual(unknownIn(rows.map(({ shown }) => shown).join('\n')), []);
  for (const [, name, title] of TESTS.matchAll(new RegExp(`[\`']${of} ([A-Z]\\d+): ([^'\`$]+)`, 'g'))) {
    const { shown = '' } = rows.find((row) => row.name === name) ?? {};
    t.true(shown.includes(`${of} ${name}: ${title?.replace(/, $/, '')}`), `${name} does not name "${title}"`);
  }
}
