import test from 'ava';
import { readDictionary } from '../../ts/tour/dictionary.js';
import { bytes, count, counted, duration, median, rate } from '../../ts/tour/figures.js';
import { parseOptions } from '../../ts/tour/options.js';
import { Screen } from '../../ts/tour/screen.js';

function screen(output: { isTTY?: boolean; columns?: number } = {}, environment = {}, silent = false) {
  let printed = '';
  const write = (text: string) => {
    printed += text;
  };
  return { screen: new Screen({ write, ...output }, environment, silent), printed: () => printed };
}

test('the dictionary has its meanings under keys that are unique, and every parent is one of them', async (t) => {
  const parts: number[] = [];
  const { rows } = await readDictionary(new AbortController().signal, (part) => parts.push(part));
  t.true(parts.length > 50 && parts.every((part, i) => part > (parts[i - 1] ?? 0)));
  t.is(parts.at(-1), 1);
  const keys = new Set(rows.map(({ key }) => key));
  t.is(keys.size, rows.length);
  t.is(new Set(rows.map(({ byWord }) => byWord)).size, rows.length);
  t.true(rows.every(({ value }) => value.kindOf === undefined || keys.has(value.kindOf)));
  const coppice = rows.find(({ key }) => key === 'noun.group/coppice/01');
  t.is(coppice?.byWord, 'coppice:noun/01');
  t.deepEqual(coppice?.value.synonyms, ['brush', 'brushwood', 'copse', 'thicket']);
  t.is(coppice?.value.meaning, 'a dense growth of bushes');
});

test('reading the dictionary can be given up', async (t) => {
  const reason = new Error('enough');
  t.is(await t.throwsAsync(readDictionary(AbortSignal.abort(reason))), reason);
});

test('arguments have defaults, and wrong ones are refused', (t) => {
  const defaults = { path: '.coppice-tour', fresh: false, json: false, limit: Number.POSITIVE_INFINITY };
  t.deepEqual(parseOptions([]), defaults);
  t.deepEqual(parseOptions(['--path', 'x', '--fresh', '--limit', '7']), {
    ...defaults,
    path: 'x',
    fresh: true,
    limit: 7,
  });
  for (const args of [['--limit', '0'], ['--limit', '1.5'], ['--limit'], ['--nonsense'], ['--path', ''], ['extra']]) {
    t.throws(() => parseOptions(args), { code: 'COPPICE_INVALID' }, args.join(' '));
  }
});

test('without a terminal progress is a few plain lines', (t) => {
  const { screen: it, printed } = screen({}, { TERM: 'xterm' });
  for (let i = 1; i <= 100; i++) it.progress(i / 100, `${i} of 100`);
  it.endProgress();
  it.title('Done');
  t.is(printed(), '   25% 25 of 100\n   50% 50 of 100\n   75% 75 of 100\n  100% 100 of 100\n\nDone\n');
});

test('on a terminal progress is a bar that is drawn over and fits the line', (t) => {
  const { screen: it, printed } = screen({ isTTY: true, columns: 50 }, { TERM: 'xterm' });
  it.progress(0.5, 'half of it');
  t.regex(printed(), /^\r {2}\[#{20}\.{20}\]/);
  t.is(printed().replaceAll('\x1b[K', '').length, 50);
  it.line('after');
  t.true(printed().endsWith('\r\x1b[K  after\n'));
});

test('colours are for terminals whose user did not refuse them', (t) => {
  for (const [output, environment, coloured] of [
    [{ isTTY: true }, { TERM: 'xterm' }, true],
    [{ isTTY: true }, { TERM: 'xterm', NO_COLOR: '1' }, false],
    [{ isTTY: true }, { TERM: 'dumb' }, false],
    [{}, { TERM: 'xterm' }, false],
  ] as const) {
    const { screen: it, printed } = screen(output, environment);
    it.title('Title');
    it.code('code');
    t.is(printed().includes('\x1b['), coloured, JSON.stringify([output, environment]));
  }
});

test('a silent screen prints nothing', (t) => {
  const { screen: it, printed } = screen({ isTTY: true }, {}, true);
  it.title('Title');
  it.progress(1, 'all');
  it.endProgress();
  it.bars([{ name: 'a', value: 1, text: '1' }]);
  t.is(printed(), '');
});

test('bars are as long as their numbers', (t) => {
  const { screen: it, printed } = screen();
  it.bars([
    { name: 'long', value: 100, text: '100' },
    { name: 'a', value: 25, text: '25' },
    { name: 'tiny', value: 0.001, text: '0' },
    { name: 'none', value: 0, text: '0' },
  ]);
  const lengths = printed()
    .split('\n')
    .map((line) => line.split('#').length - 1);
  t.deepEqual(lengths, [40, 10, 1, 0, 0]);
});

test('figures are short and have their units', (t) => {
  t.is(count(1_234_567.8), '1,234,568');
  t.is(counted(1, 'key'), '1 key');
  t.is(counted(2_000, 'key'), '2,000 keys');
  t.deepEqual([0.0123, 1.234, 1_234].map(duration), ['12.3 us', '1.23 ms', '1.23 s']);
  t.deepEqual([1_234, 34_567_890].map(bytes), ['1.23 kB', '34.6 MB']);
  t.is(rate(123_456), '123,000/s');
  t.is(median([3, 1, 2]), 2);
  t.is(median([4, 1, 3, 2]), 2.5);
});
