/** What a replica says of how old what it shows may be. */

import test from 'ava';
import { memoryStore, type ObjectStore } from '../../../ts/index.js';
import { ORIGIN, type Settings, type State, slotName, start } from '../../../ts/repository/protocol/index.js';
import { Counted } from '../../../ts/repository/shell/counted.js';
import { noCounts } from '../../../ts/repository/shell/counts.js';
import { Following } from '../../../ts/repository/shell/following.js';

const ID = 'a'.repeat(32);

/** A replica that has read up to a slot of a branch whose head knows of so many. */
function reading(slot: number, hint: number, phase: State['phase'] = 'reading'): State {
  const settings = { branch: 'main', mode: 'replica', owner: { disk: '', renewMs: null } } as unknown as Settings;
  const [state] = start(settings, null, 0);
  const head = { head: { wal: { floor: 1, hint } }, etag: '' } as unknown as State['head'];
  return { ...state, phase, branchId: ID, head, log: { ...ORIGIN, slot } };
}

async function storeWith(...slots: number[]): Promise<ObjectStore> {
  const store = memoryStore();
  for (const slot of slots) await store.put(slotName(ID, slot), Buffer.from('slot'), {});
  return store;
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('beside a writer that never rests a replica is up to date when it has read what was listed', async (t) => {
  const counts = noCounts();
  const following = new Following(new Counted(await storeWith(3, 4, 5, 6, 7), counts, new AbortController().signal));
  following.moved(reading(3, 5));
  await turn();
  for (const slot of [4, 5, 6, 7]) {
    following.moved(reading(slot, 5));
    t.false(following.isCurrent, `at slot ${slot}`);
    t.is(following.behindMs, undefined);
  }
  following.moved(reading(8, 5));
  t.true(following.isCurrent);
  t.true((following.behindMs as number) >= 0);
  await turn();
  t.is(counts.requests.list, 1);
  // Much later it asks again.
  following.moved(reading(8 + 255, 5));
  await turn();
  t.is(counts.requests.list, 1);
  following.moved(reading(8 + 256, 5));
  await turn();
  t.is(counts.requests.list, 2);
});

test('a list that is older than the head is not believed', async (t) => {
  const following = new Following(new Counted(await storeWith(1, 2), noCounts(), new AbortController().signal));
  following.moved(reading(1, 5));
  await turn();
  following.moved(reading(4, 5));
  t.false(following.isCurrent);
  following.moved(reading(5, 5));
  t.true(following.isCurrent);
});

test('a replica that finds no further slot is up to date as of when it asked', async (t) => {
  const following = new Following(new Counted(memoryStore(), noCounts(), new AbortController().signal));
  following.asks();
  await new Promise((resolve) => setTimeout(resolve, 20));
  following.moved(reading(3, 1, 'waiting'));
  t.true(following.isCurrent);
  t.true((following.behindMs as number) >= 15);
});
