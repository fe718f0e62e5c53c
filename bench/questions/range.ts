import { shuffled } from '../data.js';
import { type Question, rate, someKeys } from './question.js';

export const range: Question = {
  title: 'range of 100 rows',
  unit: 'ranges/s',
  better: 'higher',
  start: 'loaded',
  warm: true,
  measure(run) {
    const keys = someKeys(shuffled(run.keys - 100, 9));
    const { store, sink } = run;
    return rate(run, 1, 200, (i) => store.range(keys(i), 100, sink.row));
  },
};
