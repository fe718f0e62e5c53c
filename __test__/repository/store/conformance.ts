/**
 * What every store must do, as tests: the specification of `ObjectStore`. Run over each store by a file of its own.
 */

import { createHash, randomBytes, randomUUID } from 'node:crypto';
import type { ExecutionContext, TestFn } from 'ava';
import { type CoppiceError, type ObjectStore, outcomeOf } from '../../../ts/index.js';
import { getHead } from '../../../ts/repository/shell/head.js';
import { refuses } from '../../support/errors.js';

export const bytes = (text: string) => new Uint8Array(Buffer.from(text));
const sha256 = (body: Uint8Array) => createHash('sha256').update(body).digest('hex');

export async function body(store: ObjectStore, key: string): Promise<string | undefined> {
  const found = await store.get(key);
  return found && Buffer.from(found.body).toString();
}

async function keys(store: ObjectStore, prefix: string, after?: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of store.list(prefix, { after })) found.push(key);
  return found;
}

async function loses(t: ExecutionContext, reason: RegExp, attempt: () => Promise<unknown>): Promise<void> {
  const error = await refuses(t, 'COPPICE_PRECONDITION', attempt);
  t.regex(String(error.details?.reason), reason, error.message);
  t.is(outcomeOf(error), 'lost');
}

/** How many of several puts of one key landed; the others must have lost, and the object must be what the winner put. */
async function oneWins(t: ExecutionContext, store: ObjectStore, key: string, condition: object): Promise<void> {
  // New ones each time: an ETag that is made of the content knows nothing else.
  const bodies = Array.from({ length: 8 }, (_, number) => `from writer ${number}: ${randomUUID()}`);
  const ends = await Promise.allSettled(bodies.map((text) => store.put(key, bytes(text), condition)));
  const winners = bodies.filter((_, number) => ends[number]?.status === 'fulfilled');
  t.is(winners.length, 1, `${key}: ${winners.join(', ')}`);
  t.is(await body(store, key), winners[0]);
  for (const end of ends) {
    if (end.status === 'rejected') t.is(outcomeOf(end.reason), 'lost', (end.reason as CoppiceError).message);
  }
}

/** Declares the suite for the empty stores that `make` makes. `strict` declares what concerns hashes. */
export function conforms(
  test: TestFn,
  name: string,
  make: (t: ExecutionContext) => Promise<ObjectStore>,
  strict: TestFn = test,
): void {
  const declare = (test: TestFn) => (title: string, show: (t: ExecutionContext, store: ObjectStore) => Promise<void>) =>
    test(`${name}: ${title}`, async (t) => show(t, await make(t)));
  const promise = declare(test);

  promise('what was put is read back, whole, at once, with the same ETag', async (t, store) => {
    const value = randomBytes(300_000);
    const { etag } = await store.put('d/1/sst/0001', value);
    const found = await store.get('d/1/sst/0001');
    t.true(found !== undefined && Buffer.compare(found.body, value) === 0);
    t.is(found?.etag, etag);
    const head = await store.head('d/1/sst/0001');
    t.deepEqual([head?.size, head?.etag], [300_000, etag]);
  });

  promise('an object that is not there is no error', async (t, store) => {
    t.is(await store.get('heads/main'), undefined);
    t.is(await store.get('heads/main', { range: [0, 1] }), undefined);
    t.is(await store.head('heads/main'), undefined);
    await store.del(['heads/main', 'heads/other']);
    t.deepEqual(await keys(store, ''), []);
  });

  promise('an empty object is an object', async (t, store) => {
    await store.put('empty', bytes(''), { ifNoneMatch: '*' });
    t.is(await body(store, 'empty'), '');
    t.is((await store.head('empty'))?.size, 0);
    t.is((await store.get('empty', { range: [0, 10] }))?.body.length, 0);
  });

  promise('a put without a condition replaces what is there', async (t, store) => {
    const first = await store.put('k', bytes('one'));
    const second = await store.put('k', bytes('longer than one'));
    t.not(first.etag, second.etag);
    t.is(await body(store, 'k'), 'longer than one');
  });

  promise('a create lands once', async (t, store) => {
    await store.put('k', bytes('first'), { ifNoneMatch: '*' });
    await loses(t, /exists|conflict/, () => store.put('k', bytes('second'), { ifNoneMatch: '*' }));
    await loses(t, /exists|conflict/, () => store.put('k', bytes('first'), { ifNoneMatch: '*' }));
    t.is(await body(store, 'k'), 'first');
  });

  promise('a create lands again after a delete', async (t, store) => {
    await store.put('k', bytes('first'), { ifNoneMatch: '*' });
    await store.del(['k']);
    await store.put('k', bytes('second'), { ifNoneMatch: '*' });
    t.is(await body(store, 'k'), 'second');
  });

  promise('a put on an ETag lands on that one only', async (t, store) => {
    const { etag: one } = await store.put('k', bytes('one'));
    const { etag: two } = await store.put('k', bytes('two'), { ifMatch: one });
    await loses(t, /changed|conflict/, () => store.put('k', bytes('lost'), { ifMatch: one }));
    t.is(await body(store, 'k'), 'two');
    t.is((await store.get('k'))?.etag, two);
    await store.put('k', bytes('three'), { ifMatch: (await store.head('k'))?.etag as string });
    t.is(await body(store, 'k'), 'three');
  });

  promise('a put on an ETag loses where there is nothing', async (t, store) => {
    const { etag } = await store.put('k', bytes('one'));
    await store.del(['k']);
    await loses(t, /missing|changed/, () => store.put('k', bytes('two'), { ifMatch: etag }));
    t.is(await store.get('k'), undefined);
  });

  promise('ETags differ as long as contents do', async (t, store) => {
    const seen = new Set<string>();
    let { etag } = await store.put('k', bytes('0000'), { ifNoneMatch: '*' });
    for (let n = 1; n <= 50; n++) {
      seen.add(etag);
      ({ etag } = await store.put('k', bytes(String(n).padStart(4, '0')), { ifMatch: etag }));
    }
    t.is(seen.size, 50);
    t.false(seen.has(etag));
  });

  promise('of creates that race exactly one wins', async (t, store) => {
    for (let round = 0; round < 10; round++) await oneWins(t, store, `race/${round}`, { ifNoneMatch: '*' });
  });

  promise('of puts on one ETag that race exactly one wins', async (t, store) => {
    let { etag } = await store.put('k', bytes('start'));
    for (let round = 0; round < 10; round++) {
      await oneWins(t, store, 'k', { ifMatch: etag });
      etag = (await store.head('k'))?.etag as string;
    }
  });

  promise('counts made by compare and set are exact', async (t, store) => {
    await store.put('db.json', bytes('{}'), { ifNoneMatch: '*' });
    await store.put('count', bytes('0'), { ifNoneMatch: '*' });
    const add = async () => {
      for (;;) {
        // As a head is read: versitygw answers the ETag of a new object with the body of the one before while it is replaced.
        const found = await getHead(store, 'count');
        const next = bytes(String(Number(Buffer.from(found?.body ?? '')) + 1));
        try {
          await store.put('count', next, { ifMatch: found?.etag });
          return;
        } catch (error) {
          if (outcomeOf(error) !== 'lost') throw error;
        }
      }
    };
    await Promise.all(
      Array.from({ length: 4 }, async () => {
        for (let n = 0; n < 10; n++) await add();
      }),
    );
    t.is(await body(store, 'count'), '40');
  });

  promise('a reader meets whole objects only, while they are replaced', async (t, store) => {
    const whole = (byte: number) => new Uint8Array(100_000).fill(byte);
    await store.put('k', whole(0));
    let written = false;
    const write = async () => {
      for (let n = 1; n <= 20; n++) await store.put('k', whole(n));
      written = true;
    };
    const read = async () => {
      let reads = 0;
      for (; !written; reads++) {
        const found = (await store.get('k'))?.body as Uint8Array;
        t.is(found.length, 100_000);
        t.true(found.every((byte) => byte === found[0]));
      }
      return reads;
    };
    const [, reads] = await Promise.all([write(), read()]);
    t.true(reads > 0);
  });

  promise('a range is what a slice would be', async (t, store) => {
    await store.put('k', bytes('0123456789'));
    const slice = async (from: number, to: number) =>
      Buffer.from((await store.get('k', { range: [from, to] }))?.body ?? 'absent').toString();
    t.is(await slice(0, 4), '0123');
    t.is(await slice(3, 4), '3');
    t.is(await slice(8, 100), '89');
    t.is(await slice(10, 11), '');
    t.is(await slice(500, 501), '');
    t.is((await store.get('k', { range: [2, 4] }))?.etag, (await store.get('k'))?.etag);
  });

  promise('a list has every key of a prefix once, in order, with its size', async (t, store) => {
    const all = [
      'a',
      'd-1',
      'd.1',
      'd/1/wal/0001',
      'd/1/wal/0002',
      'd/10',
      'd/1=x',
      'd/2/wal/0001',
      'd=1',
      'dd',
      'D/1',
    ];
    for (const [size, key] of all.entries()) await store.put(key, new Uint8Array(size));
    const inOrder = [...all].sort();
    t.deepEqual(await keys(store, ''), inOrder);
    for (const prefix of ['d', 'd/', 'd/1', 'd/1/', 'd/1/wal/0002', 'd/1/wal/00021', 'nothing/']) {
      t.deepEqual(
        await keys(store, prefix),
        inOrder.filter((key) => key.startsWith(prefix)),
        prefix,
      );
    }
    for (const after of [...all, 'd/1', 'd/1/wal', 'd/1/wal/00015', 'zz']) {
      t.deepEqual(
        await keys(store, '', after),
        inOrder.filter((key) => key > after),
        after,
      );
      t.deepEqual(
        await keys(store, 'd/', after),
        inOrder.filter((key) => key > after && key.startsWith('d/')),
        after,
      );
    }
    for await (const { key, size } of store.list('d/')) t.is(size, all.indexOf(key), key);
  });

  promise('a list goes on over a thousand keys, and del removes as many', async (t, store) => {
    const all = Array.from({ length: 1_100 }, (_, n) => `d/1/wal/${String(n).padStart(20, '0')}`);
    for (let from = 0; from < all.length; from += 100) {
      await Promise.all(all.slice(from, from + 100).map((key) => store.put(key, bytes('x'))));
    }
    await store.put('d/2', bytes('stays'));
    t.deepEqual(await keys(store, 'd/1/'), all);
    await store.del(all);
    t.deepEqual(await keys(store, ''), ['d/2']);
  });

  declare(strict)('a body that is not what its hash says is refused', async (t, store) => {
    const value = bytes('hashed');
    const error = await refuses(t, 'COPPICE_STORE', () => store.put('k', value, { sha256: sha256(bytes('other')) }));
    t.is(outcomeOf(error), 'refused', error.message);
    t.is(await store.get('k'), undefined);
    await store.put('k', value, { sha256: sha256(value), ifNoneMatch: '*' });
    t.true([undefined, sha256(value)].includes((await store.head('k'))?.sha256));
  });

  promise('what is given and answered belongs to the caller', async (t, store) => {
    const given = bytes('given');
    await store.put('k', given);
    given.fill(0);
    const answered = (await store.get('k'))?.body as Uint8Array;
    t.is(Buffer.from(answered).toString(), 'given');
    answered.fill(0);
    t.is(await body(store, 'k'), 'given');
  });

  promise('a wrong call is refused by name and changes nothing', async (t, store) => {
    const invalid = (attempt: () => unknown, message: RegExp) => refuses(t, 'COPPICE_INVALID', attempt, message);
    for (const key of [
      '',
      '/a',
      'a/',
      'a//b',
      '../a',
      'a/../b',
      'a/.b',
      '.',
      'a b',
      'a\\b',
      'a\0',
      'é',
      'a:b',
      'x'.repeat(221),
    ]) {
      await invalid(() => store.put(key, bytes('x')), /^key must be/);
      await invalid(() => store.get(key), /^key must be/);
      await invalid(() => store.head(key), /^key must be/);
      await invalid(() => store.del(['fine', key]), /^key must be/);
    }
    await invalid(() => store.put(`${'x'.repeat(199)}/`.repeat(4), bytes('x')), /^key must be/);
    await invalid(() => store.put('k', 'text' as never), /^body must be a Uint8Array/);
    await invalid(() => store.put('k', bytes('x'), { ifNoneMatch: 'x' as '*' }), /^ifNoneMatch must be/);
    await invalid(() => store.put('k', bytes('x'), { ifMatch: '' }), /^ifMatch must be/);
    await invalid(() => store.put('k', bytes('x'), { ifMatch: 'x', ifNoneMatch: '*' }), /not both/);
    await invalid(() => store.put('k', bytes('x'), { sha256: 'AB' }), /^sha256 must be/);
    await invalid(() => store.put('k', bytes('x'), { ifNonMatch: '*' } as object), /unknown option "ifNonMatch"/);
    for (const range of [[0, 0], [-1, 2], [3, 2], [0.5, 2], [1], 'all']) {
      await invalid(() => store.get('k', { range: range as [number, number] }), /^range must be/);
    }
    for (const prefix of ['/', '../', 'a/..', 'a//', 'a/.', '*', ' ']) {
      await invalid(() => keys(store, prefix), /^prefix must be/);
    }
    await invalid(() => keys(store, '', '../a'), /^key must be/);
    await refuses(t, 'COPPICE_TOO_LARGE', () => store.put('k', new Uint8Array((64 << 20) + 1)));
    t.deepEqual(await keys(store, ''), []);
  });

  promise('an aborted call is given up before it changes anything', async (t, store) => {
    const signal = AbortSignal.abort(new Error('enough'));
    for (const attempt of [
      () => store.put('k', bytes('x'), { signal }),
      () => store.get('k', { signal }),
      () => store.head('k', { signal }),
      () => store.del(['k'], { signal }),
      () => store.list('', { signal })[Symbol.asyncIterator]().next(),
    ]) {
      const error = await refuses(t, 'COPPICE_ABORTED', attempt);
      t.is(outcomeOf(error), 'refused');
      t.is((error.cause as Error).message, 'enough');
    }
    t.is(await store.get('k'), undefined);
  });
}
