import { shuffled, Values } from '../data.js';
import { type Figure, type Question, type Run, rate, someKeys, VALUE_BYTES } from './question.js';

/** Random keys into a loaded database, so that puts pay for merging as well. */
export function puts(width: number, chunk: number): (run: Run) => Promise<Figure> {
  return (run) => {
    const keys = someKeys(shuffled(run.keys, 3));
    const values = new Values(VALUE_BYTES, { seed: 11 });
    return rate(run, width, chunk, (i) => run.store.put(keys(i), values.at(i)));
  };
}

export const putOne: Question = {
  title: 'put, awaited one by one',
  unit: 'ops/s',
  better: 'higher',
  start: 'loaded',
  measure: puts(1, 5000),
};
