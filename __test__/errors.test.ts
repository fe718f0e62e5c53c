import test from 'ava';
import { CoppiceError, fromNative, invalid } from '../ts/errors.js';

test('an error has a stable code, a message and its cause', (t) => {
  const cause = new Error('below');
  const error = new CoppiceError('IO', 'cannot write', { cause, details: { file: 'x.log' } });
  t.is(error.code, 'COPPICE_IO');
  t.is(error.name, 'CoppiceError');
  t.is(error.cause, cause);
  t.deepEqual(error.details, { file: 'x.log' });
  t.true(error instanceof Error);
  t.false('cause' in new CoppiceError('IO', 'alone'));
});

test('a failure of the engine keeps its code, file and offset', (t) => {
  const error = fromNative({ code: 'CORRUPT', message: 'checksum differs', file: '/db/000003.table', offset: 4096 });
  t.is(error.code, 'COPPICE_CORRUPT');
  t.regex(error.message, /^checksum differs \(\/db\/000003\.table at 4096\): /);
  t.deepEqual(error.details, { file: '/db/000003.table', offset: 4096 });
  t.is(fromNative({ code: 'COPPICE_BUSY', message: 'full' }).code, 'COPPICE_BUSY');
});

test('damage and a lock are told with what to do about them, once, wherever they come from', (t) => {
  const said = (code: string, file?: string) => fromNative({ code, message: 'told', file }).message;
  for (const file of ['/db/CURRENT', undefined]) {
    t.regex(said('CORRUPT', file), /^told( \(.*\))?: "coppice verify" [^:]*"coppice repair" [^:]*$/);
    t.regex(said('COPPICE_LOCKED', file), /^told( \(.*\))?: close it there first; .* readOnly: true$/);
  }
  t.is(said('IO'), 'told');
});

test('a refused value is shown briefly, whatever it is', (t) => {
  const shown = (value: unknown) => invalid('x', 'fine', value).message.replace('x must be fine, not ', '');
  t.is(shown(null), 'null');
  t.is(shown(undefined), 'undefined');
  t.is(shown('a'.repeat(1000)).length, 65);
  t.is(shown([1, 2]), 'an array');
  t.is(shown(new Date()), 'a Date');
  t.is(shown(Object.create(null)), 'a bare object');
  t.is(
    shown(() => 1),
    'a function',
  );
  t.is(shown(5n), '5 (bigint)');
  t.is(shown(Symbol('s')), 'Symbol(s) (symbol)');
});
