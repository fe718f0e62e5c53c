/**
 * What the suite of Keyv 6 asks of a store, in words of our own, since no package holds it: `storage-*.ts` of its repository directly on the
 * store, then `api.ts`, `values.ts`, `namespace.ts` and `iterator.ts` through Keyv.
 */

import test, { type ExecutionContext } from 'ava';
import Keyv, { type KeyvStorageAdapter } from 'keyv';
import { KeyvCoppice } from '../../ts/keyv/index.js';
import { temporaryDatabase } from '../support/database.js';
import { holds, until } from '../support/until.js';

async function temporaryStore(t: ExecutionContext): Promise<() => KeyvCoppice> {
  const db = await temporaryDatabase(t);
  return () => new KeyvCoppice({ db });
}

async function gathered<T>(rows: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const row of rows) all.push(row);
  return all;
}

const soon = () => Date.now() + 500;

test('store: what is set is got, is there, and is gone when it is deleted', async (t) => {
  const store: KeyvStorageAdapter = (await temporaryStore(t))();
  t.is(await store.get('absent'), undefined);
  t.false(await store.has('absent'));
  t.false(await store.delete('absent'));
  t.true(await store.set('key', 'a sentence of text'));
  t.is(await store.get('key'), 'a sentence of text');
  t.true(await store.has('key'));
  t.true(await store.delete('key'));
  t.is(await store.get('key'), undefined);
  t.false(await store.has('key'));
  t.false(await store.delete('key'));
});

test('store: clear removes everything', async (t) => {
  const store = (await temporaryStore(t))();
  await store.set('a', '1');
  await store.set('b', '2');
  t.is(await store.clear(), undefined);
  t.deepEqual(await store.getMany(['a', 'b']), [undefined, undefined]);
});

test('store: many at once, in the order of the call', async (t) => {
  const store = (await temporaryStore(t))();
  const entries = ['a', 'b', 'c'].map((key) => ({ key, value: key.toUpperCase() }));
  t.deepEqual(await store.setMany(entries), [true, true, true]);
  t.deepEqual(await store.getMany(['c', 'absent', 'a', 'b']), ['C', undefined, 'A', 'B']);
  t.deepEqual(await store.hasMany(['a', 'b', 'absent']), [true, true, false]);
  t.deepEqual(await store.deleteMany(['a', 'absent', 'b']), [true, false, true]);
  t.deepEqual(await store.deleteMany(['a', 'b']), [false, false]);
  t.deepEqual(await store.getMany(['a', 'b', 'c']), [undefined, undefined, 'C']);
  t.deepEqual(await Promise.all([store.setMany([]), store.getMany([]), store.hasMany([]), store.deleteMany([])]), [
    [],
    [],
    [],
    [],
  ]);
});

test('store: its iterator gives what is in its namespace', async (t) => {
  const store = (await temporaryStore(t))();
  t.is(typeof store.iterator()[Symbol.asyncIterator], 'function');
  t.deepEqual(await gathered(store.iterator()), []);
  await store.set('plain', 'p');
  store.namespace = 'space';
  t.deepEqual(await gathered(store.iterator()), []);
  await store.set('b', '2');
  await store.set('a', '1');
  t.deepEqual(await gathered(store.iterator()), [
    ['a', '1'],
    ['b', '2'],
  ]);
});

test('store: an entry is gone at its deadline, one that is past at once', async (t) => {
  const store = (await temporaryStore(t))();
  const expires = soon();
  await store.set('single', 'x', expires);
  await store.setMany([
    { key: 'first', value: '1', expires },
    { key: 'second', value: '2' },
  ]);
  t.deepEqual(await store.getMany(['first', 'second']), ['1', '2']);
  await store.set('second of old', 'old');
  t.true(await store.set('second of old', 'new', Date.now() - 300));
  t.is(await store.get('second of old'), undefined);
  await until(expires);
  t.is(await store.get('single'), undefined);
  t.false(await store.has('single'));
  t.deepEqual(await store.getMany(['first', 'second']), [undefined, '2']);
});

test('store: the namespace is none until it is set, and can be taken back; disconnecting resolves', async (t) => {
  const store = (await temporaryStore(t))();
  t.is(store.namespace, undefined);
  store.namespace = 'space';
  t.is(store.namespace, 'space');
  store.namespace = undefined;
  t.is(store.namespace, undefined);
  t.is(await store.disconnect(), undefined);
});

test('through Keyv: set, get, delete, clear and has, one and many', async (t) => {
  const store = await temporaryStore(t);
  const keyv = new Keyv({ store: store() });
  t.true(keyv.set('foo', 'bar') instanceof Promise);
  t.true(keyv.get('foo') instanceof Promise);
  t.true(await keyv.set('foo', 'bar'));
  t.is(await keyv.get('foo'), 'bar');
  t.is(await keyv.get('absent'), undefined);
  await keyv.set('foo1', 'bar1', 60_000);
  t.deepEqual(await keyv.get(['foo', 'foo1', 'foo2']), ['bar', 'bar1', undefined]);
  t.deepEqual(await keyv.get(['x', 'y', 'z']), [undefined, undefined, undefined]);
  t.true(await keyv.has('foo'));
  t.false(await keyv.has('fizz'));
  t.true(await keyv.delete('foo'));
  t.false(await keyv.delete('foo'));
  t.is(await keyv.get('foo'), undefined);
  t.deepEqual(await keyv.delete(['foo1', 'foo2']), [true, false]);
  t.deepEqual(await keyv.delete(['foo1', 'foo2']), [false, false]);
  await keyv.set('foo', 'bar');
  await keyv.set('fizz', 'buzz');
  t.is(await keyv.clear(), undefined);
  t.is(await keyv.clear(), undefined);
  t.deepEqual(await keyv.get(['foo', 'fizz']), [undefined, undefined]);
});

test('through Keyv: a value with a ttl expires, alone and among others', async (t) => {
  const store = await temporaryStore(t);
  const keyv = new Keyv({ store: store() });
  await keyv.set('stays', '1');
  await keyv.set('goes', '2', 500);
  t.deepEqual(await keyv.get(['stays', 'goes']), ['1', '2']);
  await holds(async () => (await keyv.get('goes')) === undefined);
  t.deepEqual(await keyv.get(['stays', 'goes']), ['1', undefined]);
});

test('through Keyv: values of every kind come back as they were', async (t) => {
  const store = await temporaryStore(t);
  const keyv = new Keyv({ store: store() });
  const same = [
    false,
    null,
    0,
    { fizz: 'buzz' },
    { buff: Buffer.from('buzz') },
    Buffer.from('bar'),
    '"',
    "'",
    "''",
    'é',
  ];
  for (const value of [...same, 9223372036854775807n]) {
    t.true(await keyv.set("it's", value));
    t.deepEqual(await keyv.get("it's"), value);
  }
  t.true(await keyv.set('undefined', undefined));
  t.is(await keyv.get('undefined'), undefined);
  keyv.on('error', () => {});
  t.false(await keyv.set('symbol', Symbol('value')));
  const other = {
    stringify: (data: unknown) => `<${JSON.stringify(data)}>`,
    parse: (text: string) => JSON.parse(text.slice(1, -1)),
  };
  const wrapped = new Keyv({ store: store(), serialization: other, namespace: 'wrapped' });
  await wrapped.set('key', [1]);
  t.deepEqual(await wrapped.get('key'), [1]);
});

test('through Keyv: namespaces do not see, delete or clear what is in another, nor list it', async (t) => {
  const store = await temporaryStore(t);
  const [one, two] = ['keyv1', 'keyv2'].map((namespace) => new Keyv({ store: store(), namespace })) as [Keyv, Keyv];
  for (const key of ['foo', 'bar']) {
    await one.set(key, `one ${key}`);
    await two.set(key, `two ${key}`);
  }
  t.is(await one.get('foo'), 'one foo');
  t.is(await two.get('foo'), 'two foo');
  t.true(await one.delete('foo'));
  t.is(await one.get('foo'), undefined);
  t.is(await two.get('foo'), 'two foo');
  await one.clear();
  t.deepEqual(await one.get(['foo', 'bar']), [undefined, undefined]);
  t.deepEqual(await two.get(['foo', 'bar']), ['two foo', 'two bar']);
  t.deepEqual(await gathered(one.iterator()), []);
  t.deepEqual(await gathered(two.iterator()), [
    ['bar', 'two bar'],
    ['foo', 'two foo'],
  ]);
});

test('through Keyv: an iterator leaves out what has expired', async (t) => {
  const store = await temporaryStore(t);
  const keyv = new Keyv({ store: store(), namespace: 'space' });
  for (const key of ['a', 'b', 'c', 'd', 'e']) await keyv.set(key, key, 40);
  await keyv.set('stays', 'here');
  await holds(async () => (await keyv.get('e')) === undefined);
  t.deepEqual(await gathered(keyv.iterator()), [['stays', 'here']]);
});
