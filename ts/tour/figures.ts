/**
 * Numbers as people read them.
 *
 * @module
 */

const WHOLE = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const SHORT = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });

/** `207,235` */
export function count(value: number): string {
  return WHOLE.format(value);
}

/** `1 key`, `2 keys`, `20 boxes` */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** `812 us`, `1.2 ms`, `3.45 s` */
export function duration(ms: number): string {
  if (ms < 1) return `${SHORT.format(ms * 1_000)} us`;
  if (ms < 1_000) return `${SHORT.format(ms)} ms`;
  return `${SHORT.format(ms / 1_000)} s`;
}

/** `34.5 MB` */
export function bytes(value: number): string {
  if (value < 1_000_000) return `${SHORT.format(value / 1_000)} kB`;
  return `${SHORT.format(value / 1_000_000)} MB`;
}

/** `123,000/s`: no more digits than such a measurement has. */
export function rate(perSecond: number): string {
  return `${SHORT.format(perSecond)}/s`;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] as number)) / 2;
}

/** Milliseconds that something took, and what it answered. */
export async function timed<T>(run: () => Promise<T> | T): Promise<{ ms: number; answer: T }> {
  const began = performance.now();
  const answer = await run();
  return { ms: performance.now() - began, answer };
}
