/**
 * Collecting a store: whatever killed jobs, late uploads and branches that nobody opens have left goes, also where nobody is
 * at work.
 *
 * @module
 */

import { randomUUID } from 'node:crypto';
import { collect, collectable, dueIn, Hand, type Head, headName, mend, removeExpired } from './protocol/index.js';
import { carryOut, type Doing, headKeys, isHalfDone, noBranch, readHead } from './shell/index.js';
import type { ObjectStore } from './store/index.js';

/** What has gone of a branch, or would go. */
export interface CollectedBranch {
  name: string;
  /**
   * `collected`: nobody has it open; `owned`: it is left to its owner, who does this after each checkpoint; `expired`: its time has
   * come, and all of it goes that no other branch needs; `dropped`: it was before.
   */
  state: 'collected' | 'owned' | 'expired' | 'dropped';
  objects: number;
  bytes: number;
}

interface Collecting extends Doing {
  /** None: all of the store. */
  readonly branch: string | undefined;
  readonly dryRun: boolean;
}

export async function collectStore(store: ObjectStore, collecting: Collecting): Promise<CollectedBranch[]> {
  const { branch, dryRun } = collecting;
  const keys = branch === undefined ? await headKeys(store) : [headName(branch)];
  const found: CollectedBranch[] = [];
  for (const key of keys) {
    const head = await readHead(store, key);
    if (head === undefined) throw noBranch(branch ?? key, store);
    const went = new Weighed(store);
    const state = await (dryRun ? look(went, head, collecting) : collectOne(went, head, collecting));
    found.push({ name: head.name, state, objects: went.objects, bytes: went.bytes });
  }
  // Names that were given up long ago are of no interest.
  return found.filter(({ name, state, objects }) => name === branch || state !== 'dropped' || objects > 0);
}

async function collectOne(went: Weighed, { name, branchId }: Head, doing: Doing): Promise<CollectedBranch['state']> {
  const { store } = went;
  const hand = new Hand(randomUUID());
  const read = async () => (await readHead(store, headName(name))) as Head;
  if ((await carryOut(store, removeExpired(hand, name, Date.now()), doing)) === branchId) return 'expired';
  if (isHalfDone(await read())) await carryOut(store, mend(hand, name), doing);
  await carryOut(store, collect(hand, name), doing);
  return stateOf(await read());
}

async function look(went: Weighed, head: Head, doing: Doing): Promise<CollectedBranch['state']> {
  const isOver = dueIn(head, Date.now()).includes(head.name);
  went.count(await carryOut(went.store, collectable(head, isOver), doing));
  return isOver ? 'expired' : stateOf(head);
}

function stateOf({ state, owner }: Head): CollectedBranch['state'] {
  if (state !== 'live') return 'dropped';
  return owner === null ? 'collected' : 'owned';
}

/** A store that counts what is deleted, by the sizes that it has listed. */
class Weighed {
  objects = 0;
  bytes = 0;
  readonly store: ObjectStore;
  readonly #sizes = new Map<string, number>();

  constructor(store: ObjectStore) {
    this.store = {
      location: store.location,
      get: (key, options) => store.get(key, options),
      head: (key, options) => store.head(key, options),
      put: (key, body, options) => store.put(key, body, options),
      list: (prefix, options) => this.#listed(store.list(prefix, options)),
      del: async (keys, options) => {
        await store.del(keys, options);
        this.count(keys);
      },
    };
  }

  count(keys: readonly string[]): void {
    this.objects += keys.length;
    for (const key of keys) this.bytes += this.#sizes.get(key) ?? 0;
  }

  async *#listed(list: ReturnType<ObjectStore['list']>): ReturnType<ObjectStore['list']> {
    for await (const object of list) {
      this.#sizes.set(object.key, object.size);
      yield object;
    }
  }
}
