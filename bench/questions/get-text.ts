import { shuffled } from '../data.js';
import { type Question, rateSync, someKeys } from './question.js';

export const getText: Question = {
  title: 'get random, string or view, sync',
  unit: 'ops/s',
  better: 'higher',
  start: 'loaded',
  warm: true,
  setting: { text: true },
  needs: 'getText',
  measure(run) {
    const keys = someKeys(shuffled(run.keys, 5));
    const { store, sink } = run;
    return rateSync(run, 10_000, (i) => sink.value(store.getText!(keys(i))));
  },
};
