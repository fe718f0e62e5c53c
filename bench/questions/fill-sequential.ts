import { Values } from '../data.js';
import { load, type Question, VALUE_BYTES } from './question.js';

export const fillSequential: Question = {
  title: 'fill sequential, 1000 a batch',
  unit: 'rows/s',
  better: 'higher',
  start: 'empty',
  async measure({ store, keys }) {
    const order = Uint32Array.from({ length: keys }, (_, i) => i);
    return { value: await load(store, order, new Values(VALUE_BYTES)) };
  },
};
