import { shuffled, Values } from '../data.js';
import { load, type Question, someKeys, VALUE_BYTES } from './question.js';

/** What the whole process takes at most while it loads, gets and scans; Node itself is about 50 MiB of it. */
export const memory: Question = {
  title: 'peak memory of the process',
  unit: 'MiB',
  better: 'lower',
  start: 'empty',
  async measure({ store, keys, sink }) {
    const order = shuffled(keys);
    await load(store, order, new Values(VALUE_BYTES));
    const some = someKeys(order);
    for (let i = 0; i < keys / 10; i++) sink.value(await store.get(some(i)));
    await store.scan(sink.row);
    return { value: process.resourceUsage().maxRSS / 1024 };
  },
};
