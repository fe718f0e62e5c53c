/**
 * Packs operations into the body of a log record, as `docs/formats` describes it: what the engine logs is these bytes.
 *
 * @module
 */

import { CoppiceError } from '../errors.js';
import { BATCH_BYTES_MAX, KEY_BYTES_MAX, LARGE_BYTES_MAX, LARGE_VALUE_BYTES, VALUE_BYTES_MAX } from '../limits.js';
import type { Bytes, LargeOp, Slab } from './types.js';

/** Left for the engine to fill in. */
const HEADER_BYTES = 32;
/** Kind, reason, keyspace, flags; key length, nothing; value length. */
const OP_BYTES = 12;
const DEADLINE_BYTES = 8;
const KIND_PUT = 1;
const KIND_DELETE = 2;
const KIND_RANGE_DELETE = 3;
const FLAG_DEADLINE = 1;

const FIRST_BYTES = 4096;
/** A UTF-16 unit takes at most so many bytes of UTF-8. */
const UTF8_BYTES_PER_UNIT_MAX = 3;
/** Below this many units a loop is faster than the call that encodes. */
const SHORT_TEXT_UNITS = 24;
/** Kind and revision of a guard; the length of each of its keys. */
const GUARD_BYTES = 9;
const LENGTH_BYTES = 4;
const GUARD_KEY = 0;
const GUARD_RANGE = 1;

/** A `Buffer` with the method that its declarations leave out. */
interface Writable extends Buffer {
  utf8Write(text: string, offset: number, length: number): number;
}

function allocate(bytes: number): Writable {
  return Buffer.allocUnsafeSlow(bytes) as Writable;
}

export class NativeSlab implements Slab {
  /** The record: its first `end` bytes. */
  body: Writable = allocate(FIRST_BYTES);
  end = HEADER_BYTES;
  length = 0;
  checks = 0;
  readonly large: LargeOp[] = [];
  readonly #inLogMax: number;
  #largeBytes = 0;
  #guards: Writable | undefined;
  #guardsEnd = 0;

  /** `inLogMax`: a value of more bytes than this is not in the record. */
  constructor(inLogMax: number = LARGE_VALUE_BYTES) {
    this.#inLogMax = inLogMax;
    this.body.fill(0, 0, HEADER_BYTES);
  }

  get bytes(): number {
    return this.end;
  }

  get guards(): Uint8Array | undefined {
    return this.checks === 0 ? undefined : this.#guards?.subarray(0, this.#guardsEnd);
  }

  put(key: Bytes, value: Bytes, deadlineMs = 0): void {
    const inLog = this.#inLogMax;
    const large = value.length > inLog / UTF8_BYTES_PER_UNIT_MAX ? largeOf(value, inLog) : undefined;
    if (large !== undefined) {
      this.#putLarge(key, large, deadlineMs);
      return;
    }
    this.#reserve(OP_BYTES + DEADLINE_BYTES + bytesMax(key) + bytesMax(value));
    const { body, end } = this;
    let at = end + OP_BYTES;
    if (deadlineMs !== 0) at = writeInteger(body, deadlineMs, at);
    const keyEnd = write(body, key, at);
    const valueEnd = write(body, value, keyEnd);
    this.#finish(KIND_PUT, deadlineMs === 0 ? 0 : FLAG_DEADLINE, keyEnd - at, valueEnd - keyEnd, valueEnd);
  }

  #putLarge(key: Bytes, value: Uint8Array, deadlineMs: number): void {
    if (value.length > VALUE_BYTES_MAX) throw tooLarge('value', value.length, VALUE_BYTES_MAX);
    const bytes = this.#largeBytes + value.length;
    if (bytes > LARGE_BYTES_MAX) throw tooLarge('batch', bytes, LARGE_BYTES_MAX);
    const op = this.length;
    this.put(key, '', deadlineMs);
    this.large.push({ op, value });
    this.#largeBytes = bytes;
  }

  del(key: Bytes): void {
    this.#reserve(OP_BYTES + bytesMax(key));
    const at = this.end + OP_BYTES;
    const keyEnd = write(this.body, key, at);
    this.#finish(KIND_DELETE, 0, keyEnd - at, 0, keyEnd);
  }

  delRange(lower: Bytes, upper: Bytes): void {
    this.#reserve(OP_BYTES + bytesMax(lower) + bytesMax(upper));
    const at = this.end + OP_BYTES;
    const lowerEnd = write(this.body, lower, at);
    const upperEnd = write(this.body, upper, lowerEnd);
    this.#finish(KIND_RANGE_DELETE, 0, lowerEnd - at, upperEnd - lowerEnd, upperEnd);
  }

  check(key: Bytes, revision: number | null): void {
    this.#guard(GUARD_KEY, revision ?? 0, key);
  }

  checkRange(lower: Bytes, upper: Bytes, since: number): void {
    this.#guard(GUARD_RANGE, since, lower, upper);
  }

  #guard(kind: number, revision: number, key: Bytes, upper?: Bytes): void {
    const room = GUARD_BYTES + 2 * LENGTH_BYTES + bytesMax(key) + (upper === undefined ? 0 : bytesMax(upper));
    const guards = grown(this.#guards ?? allocate(256), this.#guardsEnd, this.#guardsEnd + room);
    this.#guards = guards;
    const at = guards.writeDoubleLE(revision, guards.writeUInt8(kind, this.#guardsEnd));
    let end = writeWithLength(guards, key, at);
    // The end of a range may be one byte longer than a key.
    const bytes = end - at - LENGTH_BYTES;
    if (bytes > KEY_BYTES_MAX) throw tooLarge('key', bytes, KEY_BYTES_MAX);
    if (upper !== undefined) end = writeWithLength(guards, upper, end);
    if (end > BATCH_BYTES_MAX) throw tooLarge('list of conditions', end, BATCH_BYTES_MAX);
    this.#guardsEnd = end;
    this.checks++;
  }

  clear(): void {
    this.end = HEADER_BYTES;
    this.length = 0;
    this.checks = 0;
    this.#guardsEnd = 0;
    this.large.length = 0;
    this.#largeBytes = 0;
  }

  #reserve(more: number): void {
    const needed = this.end + more;
    if (needed > this.body.length) this.body = grown(this.body, this.end, needed);
  }

  /** Writes the fixed part of an operation whose key and value stand behind it already, and takes it in. */
  #finish(kind: number, flags: number, keyBytes: number, valueBytes: number, end: number): void {
    if (keyBytes > KEY_BYTES_MAX) throw tooLarge('key', keyBytes, KEY_BYTES_MAX);
    if (end > BATCH_BYTES_MAX) throw tooLarge('batch', end, BATCH_BYTES_MAX);
    const { body, end: start } = this;
    body[start] = kind;
    body[start + 1] = 0;
    body[start + 2] = 0;
    body[start + 3] = flags;
    body[start + 4] = keyBytes;
    body[start + 5] = keyBytes >>> 8;
    body[start + 6] = 0;
    body[start + 7] = 0;
    body[start + 8] = valueBytes;
    body[start + 9] = valueBytes >>> 8;
    body[start + 10] = valueBytes >>> 16;
    body[start + 11] = valueBytes >>> 24;
    this.end = end;
    this.length++;
  }
}

/** The bytes of a value that is too large for the log; nothing if it is not. */
function largeOf(value: Bytes, inLogMax: number): Uint8Array | undefined {
  if (typeof value !== 'string') return value.length > inLogMax ? value : undefined;
  return Buffer.byteLength(value) > inLogMax ? Buffer.from(value) : undefined;
}

function bytesMax(bytes: Bytes): number {
  return typeof bytes === 'string' ? bytes.length * UTF8_BYTES_PER_UNIT_MAX : bytes.length;
}

/** Answers where the bytes end. There must be room. */
function write(to: Writable, bytes: Bytes, at: number): number {
  if (typeof bytes !== 'string') {
    to.set(bytes, at);
    return at + bytes.length;
  }
  const { length } = bytes;
  if (length > SHORT_TEXT_UNITS) return at + to.utf8Write(bytes, at, length * UTF8_BYTES_PER_UNIT_MAX);
  for (let i = 0; i < length; i++) {
    const unit = bytes.charCodeAt(i);
    if (unit > 0x7f) return at + to.utf8Write(bytes, at, length * UTF8_BYTES_PER_UNIT_MAX);
    to[at + i] = unit;
  }
  return at + length;
}

/** Bytes after their length; answers where they end. There must be room. */
function writeWithLength(to: Writable, bytes: Bytes, at: number): number {
  const end = write(to, bytes, at + LENGTH_BYTES);
  to.writeUInt32LE(end - at - LENGTH_BYTES, at);
  return end;
}

/** 64 bits, little endian, without a bigint. */
function writeInteger(to: Writable, integer: number, at: number): number {
  const high = Math.floor(integer / 2 ** 32);
  to.writeUInt32LE(integer - high * 2 ** 32, at);
  return to.writeInt32LE(high, at + 4);
}

/** A buffer of at least `needed` bytes that begins with the first `used` bytes of this one. */
function grown(buffer: Writable, used: number, needed: number): Writable {
  if (needed <= buffer.length) return buffer;
  // What a batch may hold, with room for text that turns out shorter than it might have been.
  if (needed > 4 * BATCH_BYTES_MAX) throw tooLarge('batch', needed, BATCH_BYTES_MAX);
  const larger = allocate(Math.max(needed, 2 * buffer.length));
  buffer.copy(larger, 0, 0, used);
  return larger;
}

function tooLarge(what: string, bytes: number, bytesMax: number): CoppiceError {
  return new CoppiceError('TOO_LARGE', `a ${what} of ${bytes} bytes is over the limit of ${bytesMax}`);
}
