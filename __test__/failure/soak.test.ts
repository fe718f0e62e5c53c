import test from 'ava';
import { runRounds } from '../support/program.js';
import { server } from '../support/s3-server.js';
import { growing, type Sample } from './soak/samples.js';

test('a database, its branches and a replica are what a model is, and leave nothing in their store', async (t) => {
  t.timeout(300_000);
  const store = server === undefined ? { COPPICE_STORE: 'folder' } : {};
  const { code, signal, output, figures } = await runRounds('soak', 10, { NODE_NO_WARNINGS: '1', ...store });
  t.deepEqual({ code, signal }, { code: 0, signal: null }, output);
  t.log(output.split('\n', 1)[0], JSON.stringify(figures));
  t.true((figures.commits as number) > 100);
  t.is(figures.samples, 1);
});

test('a run that goes on growing is found out', (t) => {
  const level: Sample = { objects: 100, stored: 1e6, files: 50, disk: 1e6, memory: 1e8, descriptors: 60 };
  const samples = (grow: (n: number) => Partial<Sample>) =>
    Array.from({ length: 12 }, (_, n) => ({ ...level, ...grow(n) }));
  t.deepEqual(growing(samples((n) => ({ memory: n < 4 ? 1 : 1e8, disk: n === 11 ? 1e9 : 1e6 }))), []);
  t.deepEqual(growing(samples((n) => ({ objects: 100 + 20 * n }))), ['objects grew from 220 to 300']);
});
