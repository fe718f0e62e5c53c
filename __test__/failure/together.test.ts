import test from 'ava';
import { runRounds } from '../support/program.js';

test('calls of every kind at once, from several threads, settle once each, and what they wrote is there', async (t) => {
  t.timeout(300_000);
  const { code, signal, output, figures } = await runRounds('together', 2);
  t.deepEqual({ code, signal }, { code: 0, signal: null }, output);
  t.log(output.split('\n', 1)[0]);
  t.is(figures.settled, figures.calls);
  t.true((figures['write: ok'] ?? 0) > 100 && (figures['write: COPPICE_ABORTED'] ?? 0) > 10, output);
});
