import { PassThrough } from 'node:stream';
import test from 'ava';
import { Terminal } from '../../ts/cli/terminal.js';

test('what a command waits for is told once, also where nobody watches', (t) => {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const terminal = new Terminal({ stdin, stdout, stderr });
  const waiting = { phase: 'waiting', done: 0, total: 0, unit: 'objects' } as const;
  for (const why of ['503', '503', 'no route', 'no route']) terminal.progress({ ...waiting, why });
  terminal.progress({ phase: 'log', done: 1, total: 2, unit: 'objects' });
  t.is(stderr.read()?.toString(), 'waiting: 503\nwaiting: no route\n');
  t.is(stdout.read(), null);
});
