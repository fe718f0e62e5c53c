import test from 'ava';
import { memoryStore } from '../../../ts/index.js';
import { conforms } from './conformance.js';

conforms(test, 'memory', async () => memoryStore());

test('each memory store is another one', async (t) => {
  await memoryStore().put('k', new Uint8Array(1));
  t.is(await memoryStore().get('k'), undefined);
});
