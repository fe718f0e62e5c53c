import test from 'ava';
import { runRounds } from '../support/program.js';
import { check, type Done } from './transactions/checker.js';

test('transactions of several threads have an order, and kills split none of them', async (t) => {
  t.timeout(300_000);
  const { code, signal, output, figures } = await runRounds('transactions', 2, { COPPICE_TRANSACTIONS: '800' });
  t.deepEqual({ code, signal }, { code: 0, signal: null }, output);
  t.log(output.split('\n', 1)[0]);
  t.is(figures.transactions, 1_600);
  t.is(figures.kills, 2);
});

/** `r1:0,1` has read elements 0 and 1 of list 1; `a1:2` has appended 2 to it. A lane each. */
function played(...transactions: string[]): Done[] {
  return transactions.map((text, lane) => {
    const done: Done = { lane, reads: [], appends: [] };
    for (const step of text.split(' ')) {
      const [list, elements = ''] = step.slice(1).split(':');
      const numbers = elements === '' ? [] : elements.split(',').map(Number);
      if (step.startsWith('r')) done.reads.push({ list: Number(list), elements: numbers });
      else for (const element of numbers) done.appends.push({ list: Number(list), element });
    }
    return done;
  });
}

function lists(...elements: number[][]): Map<number, number[]> {
  return new Map(elements.entries());
}

test('the checker finds an order where there is one', (t) => {
  const done = played('r0: a0:1', 'r0:1 a0:2 r1:', 'r0:1,2 r1: a1:3', 'r1:3 r0:1,2');
  const verdict = check(done, lists([1, 2], [3]));
  t.deepEqual([verdict.anomalies, verdict.cycles], [[], []]);
});

test('the checker names each kind of cycle', (t) => {
  const cycles = (done: Done[], ...ends: number[][]) =>
    check(done, lists(...ends)).cycles.map((kinds) => kinds.toSorted());
  t.deepEqual(cycles(played('a0:1 a1:4', 'a0:2 a1:3'), [1, 2], [3, 4]), [['ww', 'ww']], 'dirty write');
  t.deepEqual(cycles(played('a0:1 r1:2', 'a1:2 r0:1'), [1], [2]), [['wr', 'wr']], 'each has read the other');
  t.deepEqual(cycles(played('r0: a0:1', 'r0: a0:2'), [1, 2]), [['rw', 'ww']], 'lost update');
  t.deepEqual(cycles(played('r0:1 r1:', 'a0:1 a1:2'), [1], [2]), [['rw', 'wr']], 'read in part');
  t.deepEqual(cycles(played('r0: a1:1', 'r1: a0:2'), [2], [1]), [['rw', 'rw']], 'write skew');
  const late = played('a0:1', 'r0:');
  for (const one of late) one.lane = 0;
  t.deepEqual(cycles(late, [1]), [['lane', 'rw']], 'not seen by whoever came later');
});

test('the checker says what no order explains', (t) => {
  const anomalies = (done: Done[], ...ends: number[][]) =>
    check(done, lists(...ends)).anomalies.map((text) => text.split(' ').slice(-3).join(' '));
  t.deepEqual(anomalies(played('a0:1'), []), ['from list 0']);
  t.deepEqual(anomalies(played('a0:1'), [1, 1]), ['list 0 twice']);
  t.deepEqual(anomalies(played('a0:1'), [1, 2]), ['appended by nobody']);
  t.deepEqual(anomalies(played('a0:1', 'a0:1'), [1]), ['was appended twice']);
  t.deepEqual(anomalies(played('a0:1', 'a0:2', 'r0:2'), [1, 2]), ['never was: 2']);
  t.deepEqual(anomalies(played('a0:1,2', 'r0:1'), [1, 2]), ['seen in part']);
});
