/**
 * The two ways to measure: throughput by benny, latencies by a recorder beside it (benny knows no percentiles).
 *
 * @module
 */
import benny from 'benny';

export interface Latency {
  /** Microseconds. */
  p50: number;
  p99: number;
  p999: number;
}

/** Keeps `width` operations running until `count` are done. */
export async function inFlight(width: number, count: number, operation: (i: number) => unknown): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await operation(next++);
  };
  await Promise.all(Array.from({ length: width }, lane));
}

/** How often a second `body` does one of the `operations` that each call of it does; called for `seconds`. */
export async function throughput(
  operations: number,
  seconds: number,
  body: (() => void) | (() => Promise<void>),
): Promise<number> {
  const { log } = console;
  console.log = () => {};
  try {
    const cases = { delay: 0, minSamples: 3, maxTime: seconds };
    const summary = await benny.suite('', benny.configure({ cases }), benny.add('', body as () => void));
    // `ops` is rounded to whole calls; the mean of the samples is not.
    return operations / summary.results[0]!.details.mean;
  } finally {
    console.log = log;
  }
}

/** Percentiles of the time that single operations take, `width` of them running at a time. */
export async function latency(
  width: number,
  count: number,
  seconds: number,
  operation: (i: number) => unknown,
): Promise<Latency> {
  const took = new Float64Array(count);
  const end = performance.now() + 1000 * seconds;
  let done = 0;
  await inFlight(width, count, async (i) => {
    const begin = performance.now();
    if (begin > end) return;
    await operation(i);
    took[done++] = performance.now() - begin;
  });
  return percentiles(took.subarray(0, done));
}

/** Of a function that returns when it is done, without a promise's cost. */
export function latencySync(count: number, operation: (i: number) => void): Latency {
  const took = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const begin = performance.now();
    operation(i);
    took[i] = performance.now() - begin;
  }
  return percentiles(took);
}

export function percentiles(milliseconds: Float64Array): Latency {
  const sorted = milliseconds.slice().sort();
  const at = (share: number): number => {
    const found = sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
    return Math.round(found * 1e5) / 100;
  };
  return { p50: at(0.5), p99: at(0.99), p999: at(0.999) };
}
