import test from 'ava';
import { CoppiceError, outcomeOf } from '../../../ts/index.js';

test('an error that says nothing of its outcome counts as unknown', (t) => {
  t.is(outcomeOf(new Error('of a store of your own')), 'unknown');
  t.is(outcomeOf(undefined), 'unknown');
  t.is(outcomeOf(new CoppiceError('STORE', 'failed')), 'unknown');
  t.is(outcomeOf(new CoppiceError('STORE', 'failed', { details: { outcome: 'maybe' } })), 'unknown');
  t.is(outcomeOf(new CoppiceError('UNKNOWN_OUTCOME', 'gave up')), 'unknown');
});

test('an error that says what became of a put is believed', (t) => {
  t.is(outcomeOf(new CoppiceError('STORE', 'failed', { details: { outcome: 'refused' } })), 'refused');
  t.is(outcomeOf(new CoppiceError('PRECONDITION', 'there already')), 'lost');
  t.is(outcomeOf(new CoppiceError('INVALID', 'wrong key')), 'refused');
});
