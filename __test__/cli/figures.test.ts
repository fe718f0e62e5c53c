import test from 'ava';
import { columns, figure } from '../../ts/cli/figures.js';

test('figures have the unit in which they are short', (t) => {
  t.deepEqual(
    [0, 1023, 1024, 1536, 1_048_575, 1 << 20, 5e13, 1e18].map((bytes) => figure(bytes, 'bytes')),
    ['0 B', '1023 B', '1.0 KiB', '1.5 KiB', '1.0 MiB', '1.0 MiB', '45.5 TiB', '888.2 PiB'],
  );
  t.is(figure(-2048, 'bytes'), '-2.0 KiB');
  t.is(figure(1_234_567.4, 'count'), '1,234,567');
  t.is(figure(0.97123, 'ratio'), '97.1%');
  t.is(figure(3.25, 'factor'), '3.3x');
  t.deepEqual([figure(999, 'ms'), figure(1_500, 'ms')], ['999 ms', '1.5 s']);
});

test('columns are as wide as what stands in them', (t) => {
  t.deepEqual(
    columns([
      ['name', 'x'],
      ['n', '12345'],
    ]),
    ['name      x', 'n     12345'],
  );
});
