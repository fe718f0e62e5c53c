import { Random, Values, zipfian } from '../data.js';
import { type Figure, type Question, type Run, rate, someKeys, VALUE_BYTES } from './question.js';

/** Half gets, two fifths puts, a tenth deletes of keys that few are asked for often. */
export function mixture(width: number, chunk: number): (run: Run) => Promise<Figure> {
  return (run) => {
    const keys = someKeys(zipfian(run.keys, 1 << 18));
    const random = new Random(13);
    const choices = Uint8Array.from({ length: 1 << 16 }, () => random.below(10));
    const values = new Values(VALUE_BYTES, { seed: 17 });
    const { store, sink } = run;
    return rate(run, width, chunk, async (i) => {
      const choice = choices[i & 0xffff]!;
      if (choice < 5) sink.value(await store.get(keys(i)));
      else if (choice < 9) await store.put(keys(i), values.at(i));
      else await store.del(keys(i));
    });
  };
}

export const mixed: Question = {
  title: '50% get, 40% put, 10% del, zipfian, 1 in flight',
  unit: 'ops/s',
  better: 'higher',
  start: 'loaded',
  measure: mixture(1, 5000),
};
