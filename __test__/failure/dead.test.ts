import test from 'ava';
import { runRounds } from '../support/program.js';

test('a second range over 20,000 dead keys opens next to no pages, however they died', async (t) => {
  t.timeout(120_000);
  const { code, signal, output, figures } = await runRounds('dead', 20);
  t.deepEqual({ code, signal }, { code: 0, signal: null }, output);
  for (const name of ['deleted one by one', 'deleted as a range', 'expired']) {
    t.true((figures[`${name}, pages alive`] as number) >= 20, output);
    t.true((figures[`${name}, pages, later (median)`] as number) <= 6, output);
  }
});
