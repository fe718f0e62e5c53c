import test from 'ava';
import { sources } from '../../house/sources.js';
import { TESTS, unknownIn } from '../../house/titles.js';

const ROWS = { H: [1, 2, 3, 5, 6, 7, 8, 9, 12, 13, 14], W: 11, R: 13 } as const;

test('every row of t4 is in the page once, and every test that it names is there', (t) => {
  const [page] = sources('docs', 't4.md');
  const rows = [...(page?.text ?? '').matchAll(/^\| ([HWR]\d+) \|.*$/gm)];
  const numbers = (of: number | readonly number[]) =>
    typeof of === 'number' ? Array.from({ length: of }, (_, n) => n + 1) : of;
  const wanted = Object.entries(ROWS).flatMap(([kind, of]) => numbers(of).map((n) => `${kind}${n}`));
  t.deepEqual(rows.map(([, row]) => row as string).sort(), wanted.sort());
  const shown = rows.filter(([line]) => /`[^`]+`/.test(line));
  t.true(shown.length >= 20, 'tests were found');
  t.deepEqual(
    shown.flatMap(([line]) => unknownIn(line)),
    [],
  );
  // A test that bears the name of a row is in that row.
  for (const [, row, title] of TESTS.matchAll(/[`']t4 ([HWR]\d+): ([^'`$]+)/g)) {
    const [line = ''] = rows.find(([, name]) => name === row) ?? [];
    t.true(line.includes(`t4 ${row}: ${title?.replace(/, $/, '')}`), `${row} does not name "${title}"`);
  }
});
