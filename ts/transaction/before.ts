/**
 * What a commit overwrites, kept so that it can be restored.
 *
 * It is read in the snapshot that the transaction stands on, and guarded: so it is what the commit has found.
 *
 * @module
 */

import { BATCH_BYTES_MAX, KEY_BYTES_MAX, ROWS_PER_TURN } from '../limits.js';
import type { Bounds, Slab } from '../native/types.js';
import type { Guards } from './guards.js';
import type { Part } from './spans.js';
import type { State } from './state.js';
import { HEADER_BYTES, OP_BYTES, tooLarge, type View } from './writes.js';

/** What a key held before, and whether the commit has put it. */
interface Image {
  readonly before: { readonly value: Buffer; readonly deadlineMs: number | undefined } | undefined;
  readonly isPut: boolean;
}

export class BeforeImages {
  /** By the stored key, one character a byte. */
  readonly #images = new Map<string, Image>();
  /** What the commit that puts them back takes in the log. */
  #bytes = HEADER_BYTES;
  #revision = 0;

  add(key: Buffer, image: Image): void {
    const name = key.toString('latin1');
    if (!this.#images.has(name)) this.#bytes += OP_BYTES + name.length + (image.before?.value.length ?? 0);
    this.#images.set(name, image);
    if (this.#bytes > BATCH_BYTES_MAX)
      throw tooLarge('transaction, in what it overwrites,', this.#bytes, BATCH_BYTES_MAX);
  }

  /** The commit was made, as this revision. */
  committed(revision: number): void {
    this.#revision = revision;
  }

  /** Puts everything back, if no key was changed since. The keys that the guards are about, in their order. */
  pack(slab: Slab, nowMs: number): string[] {
    for (const [name, { before, isPut }] of this.#images) {
      const key = Buffer.from(name, 'latin1');
      slab.check(key, isPut ? this.#revision : null);
      if (before !== undefined && (before.deadlineMs ?? Number.POSITIVE_INFINITY) > nowMs) {
        slab.put(key, before.value, before.deadlineMs);
      } else if (isPut) {
        slab.del(key);
      }
    }
    return [...this.#images.keys()];
  }
}

/** Reads what writes will overwrite, and guards it. */
export async function beforeImages(state: State, { own, deleted }: View, guards: Guards): Promise<BeforeImages> {
  const images = new BeforeImages();
  const engine = state.handle.live();
  const snapshot = state.pin.number();
  for (const part of deleted) {
    guards.range(part);
    const bounds = { lower: part.lower, lowerInclusive: true, ...upperOf(part) };
    const rows = engine.rows({ ...bounds, keys: 'buffer', values: 'buffer', details: true, snapshot });
    try {
      for (;;) {
        const count = rows.next(ROWS_PER_TURN, false);
        for (let i = 0; i < count; i++) {
          const [key, deadlineMs] = [rows.key(i) as Buffer, rows.expiresAtMs(i)];
          if (deadlineMs !== undefined) guards.key(key, { revision: rows.revision(i), expiresAtMs: deadlineMs });
          images.add(key, { before: { value: rows.value(i) as Buffer, deadlineMs }, isPut: false });
        }
        if (rows.done || (count === 0 && !rows.cold)) break;
        await (rows.cold ? rows.warm() : new Promise((resolve) => setImmediate(resolve)));
      }
    } finally {
      rows.close();
    }
  }
  for (const { key, value } of own) {
    const found = await engine.entry(key, 'buffer', snapshot);
    guards.key(key, found);
    const before = found && { value: found.value as Buffer, deadlineMs: found.expiresAtMs };
    images.add(key, { before, isPut: value !== undefined });
  }
  return images;
}

/** The upper bound of a part, which may be one byte longer than a key, as one of rows. */
function upperOf({ upper }: Part): Bounds {
  if (upper.length === 0) return {};
  const inclusive = upper.length > KEY_BYTES_MAX;
  return { upper: inclusive ? upper.subarray(0, KEY_BYTES_MAX) : upper, upperInclusive: inclusive };
}
