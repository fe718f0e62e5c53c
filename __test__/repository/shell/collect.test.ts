/** What collecting costs, however much is kept. */

import test from 'ava';
import type { ObjectStore } from '../../../ts/index.js';
import { openBranch, temporaryPlace } from './branch.js';

const HOUR_MS = 3_600_000;
const CHECKPOINTS = 40;

/** A store that knows how many names a list has handed out. */
function counting(store: ObjectStore): { names: number; gets: number } {
  const counts = { names: 0, gets: 0 };
  const [get, list] = [store.get.bind(store), store.list.bind(store)];
  store.get = (...parameters) => {
    counts.gets += 1;
    return get(...parameters);
  };
  store.list = async function* (...parameters) {
    for await (const found of list(...parameters)) {
      counts.names += 1;
      yield found;
    }
  };
  return counts;
}

test('a checkpoint costs as much with forty older ones that are kept as with one', async (t) => {
  const { store, folder } = await temporaryPlace(t);
  const options = { policy: { keep: 1, retainMs: HOUR_MS } };
  const first = await openBranch(store, folder, options);
  const counts = counting(store);
  const gets: number[] = [];
  for (let n = 0; n < CHECKPOINTS; n++) {
    const before = counts.gets;
    for (let m = 0; m < 3; m++) await first.write(`${n}.${m}`);
    await first.shell.checkpoint();
    gets.push(counts.gets - before);
  }
  t.log(`gets of each checkpoint: ${gets.join(' ')}`);
  // Every sixteen slots an owner looks at the head, which has a list once it keeps more than 32.
  t.true(Math.max(...gets) <= 4, `${gets}`);
  await first.shell.close();

  const second = await openBranch(store, folder, options);
  const [opened, names] = [counts.gets, counts.names];
  await second.write('after');
  await second.shell.checkpoint();
  t.true(counts.gets - opened >= CHECKPOINTS, 'a new owner reads what it does not know');
  // Each checkpoint has a manifest and a table; 120 slots, which are all kept, are not listed.
  t.true(counts.names - names <= 2 * (CHECKPOINTS + 3), `${counts.names - names} names`);
  const read = counts.gets;
  await second.write('again');
  await second.shell.checkpoint();
  t.true(counts.gets - read <= 4, 'and reads it once');
  await second.shell.close();
});
