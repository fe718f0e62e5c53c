import test from 'ava';
import { runRounds } from '../support/program.js';
import { server } from '../support/s3-server.js';

(server === undefined ? test.skip : test)(
  'writers killed at any moment, over a network that does its worst, lose, double and tear nothing in a real store',
  async (t) => {
    t.timeout(900_000);
    const { code, signal, output, figures } = await runRounds('store', 6, { NODE_NO_WARNINGS: '1' });
    t.deepEqual({ code, signal }, { code: 0, signal: null }, output);
    t.log(output.split('\n', 1)[0], JSON.stringify(figures));
    t.is(figures.rounds, 6);
    t.true((figures['acknowledged commits'] as number) > 0);
  },
);
