import test from 'ava';
import {
  packTuple,
  type Tuple,
  TupleDouble,
  TupleFloat,
  type TupleItem,
  TupleUuid,
  TupleVersionstamp,
  unpackTuple,
} from '../../ts/encoding/index.js';
import { refuses } from '../support/errors.js';
import { randomOf } from '../support/random.js';

const uuid = new TupleUuid('00112233-4455-6677-8899-aabbccddeeff');

// The first six are the examples of FoundationDB's own specification of the layer.
const GOLDEN: [string, Tuple, string][] = [
  ['null', [null], '00'],
  ['bytes with a zero', [Buffer.from('foo\0bar')], '01666f6f00ff62617200'],
  ['text beyond ASCII with a zero', ['F\u00d4O\u0000bar'], '0246c3944f00ff62617200'],
  ['a nested tuple', [[Buffer.from('foo\0bar'), null, []]], '0501666f6f00ff6261720000ff050000'],
  ['a negative integer', [-5551212], '11ab4b93'],
  ['a float', [new TupleFloat(-42)], '203dd7ffff'],
  ['zero', [0], '14'],
  ['one byte', [255], '15ff'],
  ['two bytes', [256], '160100'],
  ['minus one', [-1], '13fe'],
  ['the largest safe integer', [Number.MAX_SAFE_INTEGER], '1b1fffffffffffff'],
  ['a bigint of eight bytes', [2n ** 64n - 1n], '1cffffffffffffffff'],
  ['a bigint of nine bytes', [2n ** 64n], '1d09010000000000000000'],
  ['its negative', [-(2n ** 64n)], '0bf6feffffffffffffffff'],
  ['a fraction', [1.5], '21bff8000000000000'],
  ['a whole double', [new TupleDouble(2)], '21c000000000000000'],
  ['minus zero', [-0], '217fffffffffffffff'],
  ['booleans', [false, true], '2627'],
  ['a UUID', [uuid], '3000112233445566778899aabbccddeeff'],
  ['a versionstamp', [new TupleVersionstamp(Buffer.alloc(12, 7))], '33070707070707070707070707'],
  ['nothing', [], ''],
];

for (const [title, tuple, hex] of GOLDEN) {
  test(`${title} has the bytes of FoundationDB's tuple layer, both ways`, (t) => {
    t.is(packTuple(tuple).toString('hex'), hex);
    t.is(packTuple(unpackTuple(Buffer.from(hex, 'hex'))).toString('hex'), hex);
  });
}

test('a tuple is read as it was written', (t) => {
  const tuple: Tuple = ['a\0b', 1, -7, 2.5, null, true, [null, ['x'], 'y'], 2n ** 100n, -(2n ** 53n), ''];
  t.deepEqual(unpackTuple(packTuple(tuple)), tuple);
  t.deepEqual(unpackTuple(packTuple([Buffer.from([0, 255, 0])])), [Buffer.from([0, 255, 0])]);
  t.is(String((unpackTuple(packTuple([uuid])) as [TupleUuid])[0]), '00112233-4455-6677-8899-aabbccddeeff');
});

test('a bigint that a number holds exactly has the bytes of that number', (t) => {
  for (const value of [0, 1, -1, 255, -256, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]) {
    t.deepEqual(packTuple([BigInt(value)]), packTuple([value]));
    t.deepEqual(unpackTuple(packTuple([BigInt(value)])), [value]);
  }
});

test('the bytes of numbers of one kind sort as the numbers do', (t) => {
  const random = randomOf(t);
  const integers = Array.from({ length: 500 }, () => (random(2) ? 1 : -1) * Math.floor(2 ** (random(5300) / 100)));
  const doubles = Array.from({ length: 500 }, () => (random(2) ? 1 : -1) * (random(1e9) / 7) * 10 ** (random(40) - 20));
  const longs = Array.from(
    { length: 500 },
    () => (random(2) ? 1n : -1n) * (BigInt(random(2 ** 32)) << BigInt(random(200))),
  );
  const by =
    <T>(pack: (value: T) => TupleItem) =>
    (a: T, b: T) =>
      Buffer.compare(packTuple([pack(a)]), packTuple([pack(b)]));
  t.deepEqual(
    integers.toSorted(by((v) => v)),
    integers.toSorted((a, b) => a - b),
  );
  t.deepEqual(
    doubles.toSorted(by((v) => new TupleDouble(v))),
    doubles.toSorted((a, b) => a - b),
  );
  t.deepEqual(
    longs.toSorted(by((v) => v)),
    longs.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0)),
  );
});

test('a shorter tuple sorts before a longer one that starts with it, and text by code points', (t) => {
  const sorted: Tuple[] = [
    [],
    [null],
    ['a'],
    ['a', null],
    ['a', 'b'],
    ['a\0'],
    ['aa'],
    ['b'],
    ['é'],
    ['\u{1f600}'],
    [[]],
    [['a']],
    [0],
  ];
  t.deepEqual(
    sorted.toReversed().toSorted((a, b) => Buffer.compare(packTuple(a), packTuple(b))),
    sorted,
  );
});

test('an item of another type is refused by name', async (t) => {
  for (const item of [undefined, new Date(), {}, () => 1, Symbol('x')]) {
    await refuses(t, 'COPPICE_INVALID', () => packTuple([item as never]), /an item of tuple must be/);
  }
  await refuses(t, 'COPPICE_INVALID', () => packTuple('text' as never), /tuple must be an array/);
  await refuses(t, 'COPPICE_INVALID', () => packTuple(['\ud800']), /lone surrogate/);
});

test('nesting beyond 64 levels is refused both ways', async (t) => {
  let deep: TupleItem = 'x';
  for (let i = 0; i < 65; i++) deep = [deep];
  await refuses(t, 'COPPICE_INVALID', () => packTuple([deep]), /64 levels/);
  await refuses(t, 'COPPICE_ENCODING', () => unpackTuple(Buffer.alloc(100_000, 5)), /64 levels/);
});

test('bytes that are no tuple are an error, never a crash', async (t) => {
  for (const hex of ['02', '0161', '1c01', '21', '30aa', '05', '0500ff', '03', 'ff', '1d', '1d05', '0b', '0bf0']) {
    await refuses(t, 'COPPICE_ENCODING', () => unpackTuple(Buffer.from(hex, 'hex')), /not a tuple/);
  }
  const random = randomOf(t);
  for (let i = 0; i < 20_000; i++) {
    const bytes = Buffer.from(
      Array.from({ length: random(12) }, () => [0, 1, 2, 5, 0xff, 0x21, random(256)][random(7)] as number),
    );
    try {
      unpackTuple(bytes);
    } catch (error) {
      if ((error as { code?: string }).code !== 'COPPICE_ENCODING') throw error;
    }
  }
});
