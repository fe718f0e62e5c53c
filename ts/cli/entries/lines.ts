/**
 * The entries of an input, however its bytes come. Its first line says what it is, and its last that nothing was cut off.
 *
 * @module
 */

import { CoppiceError, type ErrorName } from '../../errors.js';
import { decodeFirst, decodeLine, LINE_BYTES_MAX, type LineEntry } from './line.js';

const NEWLINE = 10;

interface Line {
  /** From 1. */
  readonly number: number;
  readonly bytes: Buffer;
}

/**
 * @throws `COPPICE_FORMAT` for what is no export, `COPPICE_CORRUPT` for a broken line or one that is missing, `COPPICE_TOO_LARGE`;
 * with the line in `details`.
 */
export async function* entriesOf(input: AsyncIterable<Uint8Array>): AsyncGenerator<{ line: number; entry: LineEntry }> {
  let lines = 0;
  let hasEnded = false;
  for await (const { number, bytes } of linesOf(input)) {
    lines = number;
    if (hasEnded) throw atLine(number, new CoppiceError('CORRUPT', 'it comes after the last one'));
    const entry = at(number, () => (number === 1 ? decodeFirst(bytes) : decodeLine(bytes)));
    if (entry !== undefined) yield { line: number, entry };
    else hasEnded = number > 1;
  }
  if (!hasEnded)
    throw atLine(lines + 1, new CoppiceError('CORRUPT', 'the input ends before its last line: it was cut off'));
}

/** What goes wrong with a line says which. */
export function at<T>(number: number, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw error instanceof CoppiceError ? atLine(number, error) : error;
  }
}

function atLine(line: number, cause: CoppiceError): CoppiceError {
  const name = cause.code.replace('COPPICE_', '') as ErrorName;
  return new CoppiceError(name, `line ${line}: ${cause.message}`, { cause, details: { ...cause.details, line } });
}

/** What follows the last newline is a line too, unless it is empty. */
async function* linesOf(input: AsyncIterable<Uint8Array>): AsyncGenerator<Line> {
  let pieces: Uint8Array[] = [];
  let bytes = 0;
  let number = 1;
  const take = (piece: Uint8Array) => {
    pieces.push(piece);
    bytes += piece.length;
    if (bytes > LINE_BYTES_MAX) {
      throw atLine(number, new CoppiceError('TOO_LARGE', `it has more than ${LINE_BYTES_MAX} bytes`));
    }
  };
  for await (const chunk of input) {
    let from = 0;
    for (let to = chunk.indexOf(NEWLINE); to >= 0; to = chunk.indexOf(NEWLINE, from)) {
      take(chunk.subarray(from, to));
      yield { number, bytes: Buffer.concat(pieces) };
      [pieces, bytes, number, from] = [[], 0, number + 1, to + 1];
    }
    if (from < chunk.length) take(chunk.subarray(from));
  }
  if (bytes > 0) yield { number, bytes: Buffer.concat(pieces) };
}
