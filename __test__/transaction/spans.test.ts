import test from 'ava';
import { Spans } from '../../ts/transaction/spans.js';
import { seedOfRun, splitMix32 } from '../support/random.js';

const UNITS = 40;

function text(spans: Spans): string[] {
  return spans.parts.map(({ lower, upper }) => `${lower}-${upper}`);
}

test('parts that touch are one, to the end included', (t) => {
  const spans = new Spans();
  spans.add({ lower: 'c', upper: 'e' });
  spans.add({ lower: 'g', upper: 'h' });
  t.deepEqual(text(spans), ['c-e', 'g-h']);
  spans.add({ lower: 'a', upper: 'b' });
  spans.add({ lower: 'e', upper: 'f' });
  t.deepEqual(text(spans), ['a-b', 'c-f', 'g-h']);
  spans.add({ lower: 'd', upper: 'gg' });
  t.deepEqual(text(spans), ['a-b', 'c-h']);
  spans.add({ lower: 'g', upper: '' });
  t.deepEqual(text(spans), ['a-b', 'c-']);
  spans.add({ lower: 'z', upper: 'zz' });
  spans.add({ lower: '', upper: 'a' });
  t.deepEqual(text(spans), ['-b', 'c-']);
});

test('spans hold what a list of all keys says', (t) => {
  const random = splitMix32(seedOfRun());
  for (let round = 0; round < 200; round++) {
    const spans = new Spans();
    const held = new Set<number>();
    for (let i = 0; i < 8; i++) {
      const lower = random(UNITS);
      const upper = lower + 1 + random(8);
      const isOpen = random(30) === 0;
      spans.add({ lower: Buffer.of(lower), upper: isOpen ? '' : Buffer.of(upper) });
      for (let unit = lower; unit < (isOpen ? 256 : upper); unit++) held.add(unit);
      for (let unit = 0; unit < UNITS + 10; unit++) t.is(spans.holding(Buffer.of(unit)) !== undefined, held.has(unit));
    }
    t.is(spans.parts.length, [...held].filter((unit) => !held.has(unit - 1)).length);
    t.is(spans.bytes, Buffer.concat(spans.parts.flatMap(({ lower, upper }) => [lower, upper])).length);
  }
});
