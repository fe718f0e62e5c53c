/**
 * What somebody may have meant by a name that is none.
 *
 * @module
 */

/** The name that is nearest to one that is none, as a question; empty if none is near. */
export function didYouMean(given: string, names: Iterable<string>): string {
  let [nearest, least] = ['', Math.min(3, Math.ceil(given.length / 3) + 1)];
  for (const name of names) {
    const steps = distance(given.toLowerCase(), name.toLowerCase());
    if (steps < least) [nearest, least] = [name, steps];
  }
  return nearest === '' ? '' : ` (did you mean "${nearest}"?)`;
}

/** How many letters have to be put in, taken out, replaced or swapped with the next to make one text of the other. */
function distance(from: string, to: string): number {
  let [before, last] = [[] as number[], Array.from({ length: to.length + 1 }, (_, i) => i)];
  for (let i = 1; i <= from.length; i++) {
    const row = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = at(last, j - 1) + (from[i - 1] === to[j - 1] ? 0 : 1);
      const isSwapped = from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      row.push(Math.min(at(last, j) + 1, at(row, j - 1) + 1, replaced, isSwapped ? at(before, j - 2) + 1 : replaced));
    }
    [before, last] = [last, row];
  }
  return at(last, to.length);
}

const at = (row: readonly number[], i: number): number => row[i] ?? Number.POSITIVE_INFINITY;
