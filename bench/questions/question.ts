/**
 * What a benchmark is: one question, asked of one engine at a time in a process of its own.
 *
 * @module
 */
import { key, type Values } from '../data.js';
import type { Setting, Store } from '../engines/engine.js';
import { inFlight, type Latency, latency, latencySync, throughput } from '../measure.js';
import type { Sink } from '../sink.js';

export interface Figure {
  value: number;
  latency?: Latency;
}

/** What a question is asked with. */
export interface Run {
  folder: string;
  /** Not open yet where the question starts `closed`. */
  store: Store;
  open(folder?: string): Promise<Store>;
  /** Rows of the data set. */
  keys: number;
  seconds: number;
  sink: Sink;
}

export interface Question {
  title: string;
  unit: string;
  better: 'higher' | 'lower';
  /** Where it starts: an empty database, one loaded at random, or that one before it is opened. */
  start: 'empty' | 'loaded' | 'closed';
  setting?: Partial<Setting>;
  /** Whether everything is read through once before the clock runs, so that what is in memory is asked for. */
  warm?: boolean;
  /** Engines that lack this call have no figure. */
  needs?: keyof Store;
  measure(run: Run): Promise<Figure>;
}

export const BATCH = 1000;
export const VALUE_BYTES = 100;

/** Loads `order` in batches and answers rows a second. */
export async function load(store: Store, order: ArrayLike<number>, values: Values): Promise<number> {
  let milliseconds = 0;
  for (let start = 0; start < order.length; start += BATCH) {
    const end = Math.min(start + BATCH, order.length);
    const rows = Array.from({ length: end - start }, (_, i) => order[start + i]!);
    const keys = rows.map(key);
    const taken = rows.map((i) => values.at(i));
    const begin = performance.now();
    await store.load(keys, taken);
    milliseconds += performance.now() - begin;
  }
  return (1000 * order.length) / milliseconds;
}

/** Asks `operation` for `run.seconds`, `width` at a time, in calls of `chunk` operations; then records latencies. */
export async function rate(run: Run, width: number, chunk: number, operation: (i: number) => unknown): Promise<Figure> {
  let at = 0;
  const value = await throughput(chunk, run.seconds, () => inFlight(width, chunk, () => operation(at++)));
  return { value, latency: await latency(width, 50_000, run.seconds / 2, () => operation(at++)) };
}

/** The same for an operation that is done when it returns. */
export async function rateSync(run: Run, chunk: number, operation: (i: number) => void): Promise<Figure> {
  let at = 0;
  const value = await throughput(chunk, run.seconds, () => {
    for (let i = 0; i < chunk; i++) operation(at++);
  });
  return { value, latency: latencySync(20_000, () => operation(at++)) };
}

/** `count` keys of the data set in random order, made before the clock runs. */
export function someKeys(order: Uint32Array, make: (i: number) => string = key): (i: number) => string {
  const keys = Array.from(order.subarray(0, Math.min(order.length, 1 << 18)), (i) => make(i));
  return (i) => keys[i % keys.length]!;
}
