import { shuffled } from '../data.js';
import { type Figure, type Question, type Run, rate, someKeys } from './question.js';

export function gets(width: number, chunk: number): (run: Run) => Promise<Figure> {
  return (run) => {
    const keys = someKeys(shuffled(run.keys, 5));
    const { store, sink } = run;
    return rate(run, width, chunk, async (i) => sink.value(await store.getAsync!(keys(i))));
  };
}

export const getAsync: Question = {
  title: 'get async, 1 in flight',
  unit: 'ops/s',
  better: 'higher',
  start: 'loaded',
  warm: true,
  needs: 'getAsync',
  measure: gets(1, 2000),
};
