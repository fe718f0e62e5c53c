import { missingKey, shuffled } from '../data.js';
import { type Question, rateSync, someKeys } from './question.js';

export const getMissing: Question = {
  title: 'get missing, sync',
  unit: 'ops/s',
  better: 'higher',
  start: 'loaded',
  warm: true,
  needs: 'getSync',
  measure(run) {
    const keys = someKeys(shuffled(run.keys, 5), missingKey);
    const { store, sink } = run;
    return rateSync(run, 10_000, (i) => sink.value(store.getSync!(keys(i))));
  },
};
