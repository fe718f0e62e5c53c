/**
 * How times lie, in milliseconds.
 *
 * @module
 */

export interface Spread {
  count: number;
  p50: number;
  p99: number;
  p999: number;
  max: number;
}

export function spread(milliseconds: readonly number[]): Spread {
  const sorted = Float64Array.from(milliseconds).sort();
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), p999: at(0.999), max: sorted.at(-1) ?? 0 };
}
