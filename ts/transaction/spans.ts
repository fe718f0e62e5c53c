/**
 * Parts of the keys: sorted, apart from one another, merged where they touch.
 *
 * @module
 */

import { bytesOf } from '../encoding/index.js';
import type { Span } from '../options/range.js';

/** From `lower` on up to, without, `upper`; an empty `upper`: to the end. */
export interface Part {
  readonly lower: Buffer;
  readonly upper: Buffer;
}

export class Spans {
  /** Replaced, never changed: whoever has it keeps it as it is. */
  #parts: readonly Part[] = [];
  /** Of all bounds. */
  bytes = 0;

  get parts(): readonly Part[] {
    return this.#parts;
  }

  /** Copies the bounds. */
  add(span: Span): void {
    let lower: Buffer = Buffer.from(bytesOf(span.lower));
    let upper: Buffer = Buffer.from(bytesOf(span.upper));
    const from = this.#parts.findIndex((part) => part.upper.length === 0 || part.upper.compare(lower) >= 0);
    const before = from < 0 ? this.#parts : this.#parts.slice(0, from);
    let rest = from < 0 ? [] : this.#parts.slice(from);
    const isBehind = (part: Part) => upper.length > 0 && part.lower.compare(upper) > 0;
    const until = rest.findIndex(isBehind);
    const touched = until < 0 ? rest : rest.slice(0, until);
    rest = until < 0 ? [] : rest.slice(until);
    for (const part of touched) {
      this.bytes -= bytesIn(part);
      if (part.lower.compare(lower) < 0) lower = part.lower;
      if (upper.length > 0 && (part.upper.length === 0 || part.upper.compare(upper) > 0)) {
        upper = part.upper;
      }
    }
    const added = { lower, upper };
    this.bytes += bytesIn(added);
    this.#parts = [...before, added, ...rest];
  }

  /** The part that holds a key. */
  holding(key: Uint8Array): Part | undefined {
    return holding(this.#parts, key);
  }
}

function bytesIn({ lower, upper }: Part): number {
  return lower.length + upper.length;
}

/** The part of these that holds a key. */
export function holding(parts: readonly Part[], key: Uint8Array): Part | undefined {
  let low = 0;
  let high = parts.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (Buffer.compare((parts[middle] as Part).lower, key) <= 0) low = middle + 1;
    else high = middle;
  }
  const part = parts[low - 1];
  return part !== undefined && (part.upper.length === 0 || Buffer.compare(key, part.upper) < 0) ? part : undefined;
}
