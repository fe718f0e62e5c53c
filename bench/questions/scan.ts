import { throughput } from '../measure.js';
import type { Question } from './question.js';

export const scan: Question = {
  title: 'scan forward',
  unit: 'rows/s',
  better: 'higher',
  start: 'loaded',
  async measure({ store, keys, sink, seconds }) {
    return { value: await throughput(keys, seconds, async () => void (await store.scan(sink.row))) };
  },
};
