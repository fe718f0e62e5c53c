import { shuffled, Values } from '../data.js';
import { load, type Question } from './question.js';

/** A quarter of the keys, two and a half times the bytes. */
export const fillRandom1k: Question = {
  title: 'fill random, 1 KiB values',
  unit: 'rows/s',
  better: 'higher',
  start: 'empty',
  async measure({ store, keys }) {
    return { value: await load(store, shuffled(keys >> 2), new Values(1024)) };
  },
};
