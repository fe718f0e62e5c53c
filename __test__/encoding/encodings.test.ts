import test from 'ava';
import { bytesOf, type Encoding, keyCodec, valueCodec } from '../../ts/encoding/index.js';
import { refuses } from '../support/errors.js';

test('utf8 takes strings only', async (t) => {
  const { encode } = keyCodec('utf8');
  t.is(encode('é', 'key'), 'é');
  for (const value of [1, null, undefined, Buffer.from('x'), {}, Symbol('x')]) {
    await refuses(
      t,
      'COPPICE_INVALID',
      () => encode(value, 'key'),
      /^key must be a string \(the encoding is 'utf8'\), not /,
    );
  }
});

test('utf8 refuses a lone surrogate, whose replacement would make different keys equal', async (t) => {
  await refuses(t, 'COPPICE_INVALID', () => keyCodec('utf8').encode('a\ud800', 'key'), /lone surrogate/);
  t.is(keyCodec('utf8').encode('\u{1f600}', 'key'), '\u{1f600}');
});

test('buffer and view take any Uint8Array and nothing else', async (t) => {
  for (const name of ['buffer', 'view']) {
    const { encode } = valueCodec(name);
    t.deepEqual(encode(new Uint8Array([1, 2]), 'value'), new Uint8Array([1, 2]));
    for (const value of ['x', [1], new ArrayBuffer(2), null]) {
      await refuses(t, 'COPPICE_INVALID', () => encode(value, 'value'), /^value must be a Buffer or Uint8Array/);
    }
  }
});

test('buffer gives a Buffer, view a plain Uint8Array', (t) => {
  const raw = Buffer.from([1, 2, 3]);
  t.true(Buffer.isBuffer(valueCodec('buffer').decode(raw)));
  const viewed = valueCodec('view').decode(raw) as Uint8Array;
  t.false(Buffer.isBuffer(viewed));
  t.deepEqual(viewed, new Uint8Array([1, 2, 3]));
});

test('json gives back what it took, and refuses what has no JSON form', async (t) => {
  const { encode, decode } = valueCodec('json');
  const value = { a: [1, null, 'é'], b: { c: true } };
  t.deepEqual(decode(encode(value, 'value') as string), value);
  const cycle: { self?: unknown } = {};
  cycle.self = cycle;
  for (const bad of [undefined, () => 1, 1n, cycle]) {
    await refuses(t, 'COPPICE_ENCODING', () => encode(bad, 'value'), /no JSON form/);
  }
  await refuses(t, 'COPPICE_ENCODING', () => encode(1n, 'value'), /BigInt/);
  await refuses(t, 'COPPICE_ENCODING', () => decode('{"a":'), /another encoding/);
});

test('u64 is big endian, so that bytes sort as the numbers do', async (t) => {
  const { encode, decode } = keyCodec('u64');
  const numbers = [0n, 1n, 255n, 256n, 2n ** 32n, 2n ** 63n, 2n ** 64n - 1n];
  const encoded = numbers.map((number) => bytesOf(encode(number, 'key')));
  t.deepEqual(encoded.toSorted(Buffer.compare), encoded);
  t.deepEqual(encoded.map(decode), numbers);
  t.deepEqual(encode(258, 'key'), Buffer.from('0000000000000102', 'hex'));
  for (const bad of [-1, -1n, 2n ** 64n, 1.5, Number.NaN, 2 ** 53, '1', null]) {
    await refuses(t, 'COPPICE_INVALID', () => encode(bad, 'key'), /^key must be an integer from 0 to 2\^64 - 1/);
  }
  await refuses(t, 'COPPICE_ENCODING', () => decode(Buffer.alloc(7)), /7 bytes instead of 8/);
});

test('an encoding of a user is used as it is, and what it throws is told as its cause', async (t) => {
  const upper: Encoding<string> = {
    name: 'upper',
    encode: (text) => Buffer.from(text.toUpperCase()),
    decode: (bytes) => Buffer.from(bytes).toString().toLowerCase(),
  };
  const { encode, decode } = keyCodec(upper);
  t.deepEqual(encode('ada', 'key'), Buffer.from('ADA'));
  t.is(decode(Buffer.from('ADA')), 'ada');
  const error = await refuses(t, 'COPPICE_ENCODING', () => encode(1, 'key'), /"upper" could not encode the key/);
  t.true(error.cause instanceof TypeError);
});

test('an encoding of a user that does not answer bytes is refused', async (t) => {
  const wrong = { name: 'wrong', encode: () => 'text', decode: () => 1 };
  await refuses(t, 'COPPICE_ENCODING', () => keyCodec(wrong).encode('x', 'key'), /must encode a key to a Uint8Array/);
});

test('an encoding that does not keep order is refused for keys, with what to use instead', async (t) => {
  await refuses(t, 'COPPICE_INVALID', () => keyCodec('json'), /for values only: use 'tuple'/);
  await refuses(t, 'COPPICE_INVALID', () => keyCodec('view'), /for values only: use 'buffer'/);
});

test('an unknown encoding is refused with the names there are', async (t) => {
  for (const bad of ['utf16', '', 1, null, {}, { name: 'x', encode: () => 1 }]) {
    const error = await refuses(
      t,
      'COPPICE_INVALID',
      () => valueCodec(bad),
      /valueEncoding must be one of 'utf8', 'buffer'/,
    );
    t.is(error.details?.option, 'valueEncoding');
  }
});
