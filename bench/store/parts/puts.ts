/**
 * Single puts, so many at once, with a store or without.
 *
 * @module
 */
import { setImmediate } from 'node:timers/promises';
import { type Durability, open } from '../../../ts/index.js';
import { key } from '../../data.js';
import { CountingStore } from '../counting.js';
import { storeIn } from '../server.js';
import { type Spread, spread } from '../spread.js';
import { type Given, smallValue } from './place.js';

export interface PutsGiven extends Given {
  hasStore: boolean;
  durability: Durability;
  width: number;
  seconds: number;
}

export interface Puts {
  /** Operations a second. */
  rate: number;
  latency: Spread;
  /** Requests of the store for each of them, those of opening left out. */
  requests: number;
}

/** After so many puts whatever else waits for this thread has its turn. */
const TURN = 64;
/** Not measured: what the first ones take, and the first checkpoint, which is empty. */
const WARM_MS = 500;

export async function puts(given: PutsGiven): Promise<Puts> {
  const { durability, width, seconds } = given;
  const store = given.hasStore ? new CountingStore(storeIn(given, given.prefix)) : undefined;
  const db = await open(given.folder, { durability, valueEncoding: 'buffer', ...(store && { store }) });
  let next = 0;
  const until = async (end: number, took: number[]): Promise<void> => {
    const lane = async (): Promise<void> => {
      for (let began = performance.now(); began < end; began = performance.now()) {
        await db.put(key(next++), smallValue(next));
        took.push(performance.now() - began);
        // Puts at `process` wait for nothing: without this no request would ever be made beside them.
        if (next % TURN === 0) await setImmediate();
      }
    };
    await Promise.all(Array.from({ length: width }, lane));
  };
  await until(performance.now() + WARM_MS, []);
  store?.forget();
  const took: number[] = [];
  const began = performance.now();
  await until(began + 1000 * seconds, took);
  const ms = performance.now() - began;
  const requests = (store?.requests ?? 0) / took.length;
  await db.close();
  return { rate: (1000 * took.length) / ms, latency: spread(took), requests };
}
