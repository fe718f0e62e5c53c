/**
 * Reads a range chunk by chunk: one native call fills the shared buffer, and its rows are decoded at once.
 *
 * @module
 */

import { closed } from '../errors.js';
import {
  CHUNK_COLD,
  CHUNK_KEYS_ASCII,
  CHUNK_VALUE_TOO_LARGE,
  CHUNK_VALUES_ASCII,
  HEADER_BYTES,
  ROWS_DETAILS,
  ROWS_HAS_LOWER,
  ROWS_HAS_UPPER,
  ROWS_KEYS,
  ROWS_KEYS_AS_TEXT,
  ROWS_LOWER_EXCLUSIVE,
  ROWS_REVERSE,
  ROWS_UPPER_EXCLUSIVE,
  ROWS_VALUES,
  ROWS_VALUES_AS_TEXT,
  ROWS_VERSIONS,
  ROWS_WAIT,
} from './addon.js';
import { type Column, decodeBuffers, decodeTexts } from './decode.js';
import type { Environment } from './environment.js';
import type { Bytes, Rows, RowsOptions } from './types.js';

const LIMIT_MAX = Number.MAX_SAFE_INTEGER;

type Decoded = string | Buffer;

export class NativeRows implements Rows {
  readonly #environment: Environment;
  readonly #handle: number;
  readonly #options: RowsOptions;
  readonly #flags: number;
  /** Rows still allowed by the limit. */
  #left: number;
  #state: 'new' | 'open' | 'done' = 'new';
  #cursor = 0;
  #cold = false;
  #keys: Decoded[] = [];
  #values: Decoded[] = [];
  #revisions: Float64Array | undefined;
  #deadlines: Float64Array | undefined;
  #createRevisions: Float64Array | undefined;
  #versions: Float64Array | undefined;

  constructor(environment: Environment, handle: number, options: RowsOptions) {
    this.#environment = environment;
    this.#handle = handle;
    this.#options = options;
    this.#flags = flagsOf(options);
    this.#left = options.limit ?? LIMIT_MAX;
  }

  get done(): boolean {
    return this.#state === 'done';
  }

  get cold(): boolean {
    return this.#cold;
  }

  warm(): Promise<void> {
    return this.#environment.task(this.#environment.addon.rangeWarm(this.#cursor));
  }

  next(rowsMax: number, wait = true): number {
    const { addon, header } = this.#environment;
    if (this.#left <= 0) this.close();
    if (this.#state === 'done') return 0;
    const rows =
      this.#state === 'new'
        ? this.#open(rowsMax, wait)
        : addon.rangeNext(this.#cursor, rowsMax, this.#left, wait ? 1 : 0);
    if (rows === null) {
      this.#finish();
      throw this.#environment.failure();
    }
    this.#cold = (header[4]! & CHUNK_COLD) !== 0;
    const before = this.#cursor;
    this.#cursor = header[0]!;
    this.#left -= rows;
    if (this.#cursor === 0) {
      this.#finish();
    } else if (before === 0) {
      this.#state = 'open';
      abandoned.register(this, { environment: this.#environment, cursor: this.#cursor }, this);
    }
    this.#decode(rows);
    return rows;
  }

  #open(rowsMax: number, wait: boolean): number | null {
    const { addon } = this.#environment;
    const { snapshot = 0, lower, upper, of } = this.#options;
    const flags = wait ? this.#flags | ROWS_WAIT : this.#flags;
    if (of === undefined) return addon.rangeOpen(this.#handle, flags, snapshot, rowsMax, this.#left, lower, upper);
    return addon.versionsOpen(this.#handle, flags, snapshot, rowsMax, this.#left, of.key, of.from, of.to);
  }

  key(i: number): Decoded {
    return this.#keys[i]!;
  }

  value(i: number): Decoded {
    return this.#values[i]!;
  }

  revision(i: number): number {
    return this.#revisions![i]!;
  }

  expiresAtMs(i: number): number | undefined {
    return this.#deadlines![i] || undefined;
  }

  createRevision(i: number): number {
    return this.#createRevisions![i]!;
  }

  version(i: number): number {
    return this.#versions![i]!;
  }

  seek(key: Bytes): void {
    if (this.#state === 'done') throw closed('range');
    // Opened without taking a row, so that the bounds stay what they are.
    if (this.#state === 'new') this.next(0);
    if (this.#environment.addon.rangeSeek(this.#cursor, key) === null) throw this.#environment.failure();
  }

  close(): void {
    if (this.#cursor !== 0) this.#environment.addon.rangeClose(this.#cursor);
    this.#finish();
  }

  #finish(): void {
    if (this.#state === 'open') abandoned.unregister(this);
    this.#state = 'done';
    this.#cursor = 0;
  }

  /** Nothing but native calls and decoding happens here, so that the shared buffer stays as the chunk left it. */
  #decode(rows: number): void {
    const { shared, header, words, numbers } = this.#environment;
    const { keys, values, details, versions } = this.#options;
    const room = header[1]!;
    const flags = header[4]!;
    if (keys !== undefined) {
      const columnBytes = versions ? 40 : details ? 24 : 8;
      const origin = HEADER_BYTES + room * columnBytes;
      const column: Column = { words, at: 0, rows, origin, backward: false };
      this.#keys =
        keys === 'buffer'
          ? decodeBuffers(shared, column)
          : decodeTexts(shared, column, (flags & CHUNK_KEYS_ASCII) !== 0);
    }
    if (values !== undefined) {
      const column: Column = { words, at: room, rows, origin: shared.length, backward: true };
      this.#values =
        values === 'buffer'
          ? decodeBuffers(shared, column)
          : decodeTexts(shared, column, (flags & CHUNK_VALUES_ASCII) !== 0);
    }
    if (details) {
      this.#revisions = numbers.slice(room, room + rows);
      this.#deadlines = numbers.slice(2 * room, 2 * room + rows);
    }
    if (versions) {
      this.#createRevisions = numbers.slice(3 * room, 3 * room + rows);
      this.#versions = numbers.slice(4 * room, 4 * room + rows);
    }
    if ((flags & CHUNK_VALUE_TOO_LARGE) !== 0) this.#fetchValue();
  }

  /** The chunk has one row, whose value did not fit. */
  #fetchValue(): void {
    const value = this.#environment.addon.rangeValue(this.#cursor, this.#options.values === 'utf8' ? 1 : 0);
    if (value === null) throw this.#environment.failure();
    this.#values = [value];
  }
}

interface Abandoned {
  environment: Environment;
  cursor: number;
}

/** Ranges that were dropped without being closed or read to the end. */
const abandoned = new FinalizationRegistry<Abandoned>(({ environment, cursor }) => {
  environment.addon.rangeClose(cursor);
});

export function flagsOf(options: RowsOptions): number {
  let flags = 0;
  if (options.keys !== undefined) flags |= ROWS_KEYS;
  if (options.keys === 'utf8') flags |= ROWS_KEYS_AS_TEXT;
  if (options.values !== undefined) flags |= ROWS_VALUES;
  if (options.values === 'utf8') flags |= ROWS_VALUES_AS_TEXT;
  if (options.details) flags |= ROWS_DETAILS;
  if (options.versions) flags |= ROWS_VERSIONS;
  if (options.reverse) flags |= ROWS_REVERSE;
  if (options.lower !== undefined) flags |= ROWS_HAS_LOWER;
  if (options.lower !== undefined && options.lowerInclusive === false) flags |= ROWS_LOWER_EXCLUSIVE;
  if (options.upper !== undefined) flags |= ROWS_HAS_UPPER;
  if (options.upper !== undefined && options.upperInclusive === false) flags |= ROWS_UPPER_EXCLUSIVE;
  return flags;
}
