import test from 'ava';
import { columns, figure } from '../../ts/cli/figures.js';

test('figures have the unit in which they are short', (t) => {
  t.deepEqual(
    [0, 1023, 1024, 1536, 1_048_575, 1 << 20, 5e13, 1e18].map((bytes) => figure(bytes, 'bytes')),
    ['0 B', '1023 B', '1.0 KiB', '1.5 KiB', '1.0 MiB', '1.0 MiB', '45.5 TiB', '888.2 PiB'],
  );
  t.is(figure(-2048, 'bytes'), '-2.0 KiB');
  t.is(figure(1_234_567.4, 'count'), '1,234,567');
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
