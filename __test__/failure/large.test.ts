import test from 'ava';
import { runRounds } from '../support/program.js';

test('a batch at the limit of a record comes through kills, within its memory', async (t) => {
  t.timeout(300_000);
  const what = { COPPICE_WHAT: 'a batch of records' };
  const { code, signal, output, figures } = await runRounds('large', 2, what);
  t.deepEqual({ code, signal }, { code: 0, signal: null }, output);
  t.log(output.split('\n', 1)[0]);
  t.is(figures.kills, 3);
});
