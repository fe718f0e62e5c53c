/**
 * Makes strings and buffers of the columns of a chunk. What they make belongs to the caller.
 *
 * A column is cut into blocks of a few KiB. A block is decoded or copied in one go and each of its rows is a slice of
 * it, as Node slices small buffers from its pool: row by row costs several times more, and slices of a whole chunk would
 * keep all of it in memory for the sake of one row.
 *
 * @module
 */

import type { SharedBuffer } from './environment.js';

const BLOCK_BYTES = 8192;

/** Where a column stands in the shared buffer. */
export interface Column {
  /** Ends of its rows: `words[at]` to `words[at + rows - 1]`, counted from `origin`. */
  readonly words: Uint32Array;
  readonly at: number;
  readonly rows: number;
  /** The byte at which the first row begins; if `backward`, behind which it ends, each row before the one it follows. */
  readonly origin: number;
  readonly backward: boolean;
}

export function decodeTexts(shared: SharedBuffer, column: Column, ascii: boolean): string[] {
  const { words, at, rows, origin, backward } = column;
  const texts = new Array<string>(rows);
  let start = 0;
  for (let row = 0; row < rows; ) {
    const next = ascii ? blockEnd(column, row, start) : row + 1;
    const end = words[at + next - 1]!;
    const from = backward ? origin - end : origin + start;
    const to = from + end - start;
    const block = ascii ? shared.latin1Slice(from, to) : shared.utf8Slice(from, to);
    if (next === row + 1) {
      texts[row++] = block;
      start = end;
      continue;
    }
    for (const first = start; row < next; row++) {
      const rowEnd = words[at + row]!;
      texts[row] = backward
        ? block.substring(end - rowEnd, end - start)
        : block.substring(start - first, rowEnd - first);
      start = rowEnd;
    }
  }
  return texts;
}

export function decodeBuffers(shared: SharedBuffer, column: Column): Buffer[] {
  const { words, at, rows, origin, backward } = column;
  const buffers = new Array<Buffer>(rows);
  let start = 0;
  for (let row = 0; row < rows; ) {
    const next = blockEnd(column, row, start);
    const end = words[at + next - 1]!;
    const from = backward ? origin - end : origin + start;
    const block = Buffer.allocUnsafeSlow(end - start);
    shared.copy(block, 0, from, from + end - start);
    if (next === row + 1) {
      buffers[row++] = block;
      start = end;
      continue;
    }
    for (const first = start; row < next; row++) {
      const rowEnd = words[at + row]!;
      buffers[row] = backward
        ? block.subarray(end - rowEnd, end - start)
        : block.subarray(start - first, rowEnd - first);
      start = rowEnd;
    }
  }
  return buffers;
}

/** The row behind the block that begins with `row`, at `start`. */
function blockEnd(column: Column, row: number, start: number): number {
  const { words, at, rows } = column;
  let next = row + 1;
  while (next < rows && words[at + next]! - start <= BLOCK_BYTES) next++;
  return next;
}
