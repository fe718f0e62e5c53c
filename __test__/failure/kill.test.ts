import test from 'ava';
import { runRounds } from '../support/program.js';

test('20 kills of a busy writer, some of them within background work, lose and tear nothing', async (t) => {
  t.timeout(600_000);
  // Beside other tests the writer gets a part of a processor; the proof asks for 20,000.
  const { code, signal, output, figures } = await runRounds('kill', 20, { COPPICE_PUTS_PER_SECOND_MIN: '2000' });
  t.deepEqual({ code, signal }, { code: 0, signal: null }, output);
  t.log(output.split('\n', 1)[0]);
  t.is(figures.rounds, 20);
  t.true((figures['killed inside'] as number) >= 10);
});
