import { shuffled, Values } from '../data.js';
import { load, type Question, VALUE_BYTES } from './question.js';

export const fillRandom: Question = {
  title: 'fill random, 1000 a batch',
  unit: 'rows/s',
  better: 'higher',
  start: 'empty',
  async measure({ store, keys }) {
    return { value: await load(store, shuffled(keys), new Values(VALUE_BYTES)) };
  },
};
