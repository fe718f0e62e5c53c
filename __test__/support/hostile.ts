/** A store that does what networks and overloaded servers do, drawn from a seed: late, lost, twice, refused, cut off. */

import { setTimeout } from 'node:timers/promises';
import { CoppiceError, type ObjectStore, type StorePutOptions } from '../../ts/index.js';
import { type Random, splitMix32 } from './random.js';

export interface Hostility {
  /** In a thousand calls, of any kind: it never gets there. */
  lost: number;
  /** Of puts: it is carried out, and nobody hears of it. */
  unheard: number;
  /** Of puts: it is carried out some time after it was given up. */
  late: number;
  /** Of puts: 409, whatever is there. */
  conflict: number;
  latencyMsMax: number;
}

export const CALM: Hostility = { lost: 0, unheard: 0, late: 0, conflict: 0, latencyMsMax: 0 };

export class HostileStore implements ObjectStore {
  readonly location: string;
  /** Nothing gets there, for as long as this is set. */
  isAway = false;
  hostility: Hostility;
  readonly counts = { lost: 0, unheard: 0, late: 0, conflict: 0 };
  readonly #store: ObjectStore;
  readonly #random: Random;
  readonly #late = new Set<Promise<unknown>>();

  constructor(store: ObjectStore, random: Random = splitMix32(1), hostility: Hostility = CALM) {
    this.location = store.location;
    this.#store = store;
    this.#random = random;
    this.hostility = hostility;
  }

  /** When every put that is still on its way has arrived. */
  async settled(): Promise<void> {
    await Promise.all(this.#late);
  }

  async get(...[key, options]: Parameters<ObjectStore['get']>) {
    await this.#travel();
    return this.#store.get(key, options);
  }

  async head(...[key, options]: Parameters<ObjectStore['head']>) {
    await this.#travel();
    return this.#store.head(key, options);
  }

  async put(key: string, body: Uint8Array, options: StorePutOptions = {}) {
    await this.#travel();
    const { signal: _, ...conditions } = options;
    if (this.#draws('conflict')) {
      throw new CoppiceError('PRECONDITION', 'another put is under way', { details: { reason: 'conflict' } });
    }
    if (this.#draws('late')) {
      const copy = Uint8Array.from(body);
      const put = setTimeout(this.#random(300)).then(() => this.#store.put(key, copy, conditions));
      const arrived: Promise<unknown> = put.catch(() => {}).finally(() => this.#late.delete(arrived));
      this.#late.add(arrived);
      throw failure('the put was given up');
    }
    if (!this.#draws('unheard')) return this.#store.put(key, body, conditions);
    await this.#store.put(key, body, conditions).catch(() => {});
    throw failure('the answer was lost');
  }

  async *list(...[prefix, options]: Parameters<ObjectStore['list']>) {
    await this.#travel();
    yield* this.#store.list(prefix, options);
  }

  async del(...[keys, options]: Parameters<ObjectStore['del']>) {
    await this.#travel();
    await this.#store.del(keys, options);
  }

  async #travel(): Promise<void> {
    const { latencyMsMax } = this.hostility;
    if (latencyMsMax > 0) await setTimeout(this.#random(latencyMsMax));
    if (this.isAway || this.#draws('lost')) throw failure('503');
  }

  #draws(what: 'lost' | 'unheard' | 'late' | 'conflict'): boolean {
    if (this.#random(1000) >= this.hostility[what]) return false;
    this.counts[what] += 1;
    return true;
  }
}

function failure(what: string): CoppiceError {
  return new CoppiceError('STORE', what, { details: { reason: 'network', outcome: 'unknown', retry: true } });
}
