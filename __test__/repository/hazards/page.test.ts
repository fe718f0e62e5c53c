import test from 'ava';
import { checkTests, rowsOf } from '../../support/rows.js';

const ROWS = { H: [1, 2, 3, 5, 6, 7, 8, 9, 12, 13, 14], W: 11, R: 13 } as const;

test('every row of t4 is in the page once, and every test that it names is there', (t) => {
  const rows = rowsOf('t4.md');
  const numbers = (of: number | readonly number[]) =>
    typeof of === 'number' ? Array.from({ length: of }, (_, n) => n + 1) : of;
  const wanted = Object.entries(ROWS).flatMap(([kind, of]) => numbers(of).map((n) => `${kind}${n}`));
  t.deepEqual(rows.map(({ name }) => name).sort(), wanted.sort());
  t.true(rows.filter(({ shown }) => shown.includes('`')).length >= 20, 'tests were found');
  checkTests(t, 't4', rows);
});
