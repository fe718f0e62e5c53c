import test from 'ava';
import { CoppiceError, fromNative, invalid } from '../ts/errors.js';
import { sources } from './house/sources.js';
import { temporaryFolder } from './support/database.js';
import { blocksOf, runExamples } from './support/examples.js';

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

test('every code has its section, which says whether anything is lost and what to do, and an example that ends with it', async (t) => {
  const [page = '', source = ''] = [sources('docs', 'errors.md'), sources('ts', 'errors.ts')].map(
    ([found]) => found?.text,
  );
  const [, type = ''] = /export type ErrorName =([^;]+);/.exec(source) ?? [];
  const codes = [...type.matchAll(/'([A-Z_]+)'/g)].map(([, name]) => `COPPICE_${name}`);
  t.true(codes.length >= 30);
  const sections = page.split(/^## /m).slice(1);
  t.deepEqual(
    sections.map((section) => section.split('\n')[0]),
    codes,
  );
  const thrown = sections.filter((section) => !/Nothing throws it|no call answers it/.test(section));
  for (const section of thrown) {
    t.regex(section, /\*\*Lost:\*\*[\s\S]*\*\*Do:\*\*/);
    t.is(blocksOf(section, 'js').length + blocksOf(section, 'text').length, 1, section);
    t.true(page.includes(`](#${section.split('\n')[0]?.toLowerCase()})`), 'it stands in the table');
  }
  const shown = thrown.filter((section) => blocksOf(section, 'js').length > 0);
  t.true(shown.length >= 20, `${shown.length} have a program`);
  const ran = await runExamples(
    await temporaryFolder(t),
    shown.map((section) => blocksOf(section, 'js')[0] as string),
  );
  for (const [i, section] of shown.entries()) t.is(ran[i]?.error?.code, section.split('\n')[0], ran[i]?.error?.stack);
});
