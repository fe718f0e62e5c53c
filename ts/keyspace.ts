/**
 * Where the keys of a handle or sublevel live among the stored keys, and how keys and values become bytes and back.
 *
 * A sublevel is a prefix and nothing else. Prefixes are ASCII, so that they have one length as text and as bytes.
 * Immutable; all functions are made once, so that no read or write makes a closure.
 *
 * @module
 */

import type { Codec, Encoded } from './encoding/index.js';
import type { Rows } from './native/types.js';

/** What is known about a key and its value. */
export interface Entry<K, V> {
  key: K;
  value: V;
  /** The commit that wrote this value. */
  revision: number;
  /** With history: the commit that created the key, after it had no value. */
  createRevision?: number;
  /** With history: how many commits have written the key since then, that one included; the first is version 1. */
  version?: number;
  /** When it expires; absent if never. */
  expiresAt?: Date;
}

/** What one commit made of a key: wrote it, or deleted it. */
export type Version<K, V> =
  | ({ type: 'put' } & Entry<K, V>)
  | {
      type: 'del';
      key: K;
      /** The commit that deleted it. */
      revision: number;
    };

/** What the engine says of an entry. */
interface Found {
  readonly value: string | Buffer;
  readonly revision: number;
  readonly expiresAtMs: number | undefined;
  readonly createRevision: number;
  readonly version: number;
}

/** Makes what a range yields of row `i` of a chunk. */
export type MakeRow<T> = (rows: Rows, i: number) => T;

export class Keyspace<K, V> {
  readonly keys: Codec<K>;
  readonly values: Codec<V>;
  readonly prefix: string;
  readonly #prefixBytes: Buffer;
  readonly entry: MakeRow<[K, V]>;
  readonly record: MakeRow<Entry<K, V>>;
  /** As `record`, of a database with history. */
  readonly versionedRecord: MakeRow<Entry<K, V>>;
  readonly key: MakeRow<K>;
  readonly value: MakeRow<V>;

  constructor(keys: Codec<K>, values: Codec<V>, prefix: string) {
    this.keys = keys;
    this.values = values;
    this.prefix = prefix;
    this.#prefixBytes = Buffer.from(prefix);
    const verbatim = keys.plain && values.plain && prefix === '';
    this.entry = verbatim
      ? (rows, i) => [rows.key(i) as K, rows.value(i) as V]
      : (rows, i) => [this.decodeKey(rows.key(i)), values.decode(rows.value(i))];
    this.key = verbatim ? (rows, i) => rows.key(i) as K : (rows, i) => this.decodeKey(rows.key(i));
    this.value = values.plain ? (rows, i) => rows.value(i) as V : (rows, i) => values.decode(rows.value(i));
    this.record = (rows, i) => {
      const key = this.decodeKey(rows.key(i));
      return makeEntry(key, values.decode(rows.value(i)), rows.revision(i), rows.expiresAtMs(i));
    };
    this.versionedRecord = (rows, i) => this.#versioned(this.decodeKey(rows.key(i)), rows, i);
  }

  /** Makes what the history of a key yields. */
  versionsOf(key: K): MakeRow<Version<K, V>> {
    return (rows, i) => {
      // A delete counts no version.
      if (rows.version(i) === 0) return { type: 'del', key, revision: rows.revision(i) };
      return { type: 'put', ...this.#versioned(key, rows, i) };
    };
  }

  #versioned(key: K, rows: Rows, i: number): Entry<K, V> {
    const entry = makeEntry(key, this.values.decode(rows.value(i)), rows.revision(i), rows.expiresAtMs(i));
    entry.createRevision = rows.createRevision(i);
    entry.version = rows.version(i);
    return entry;
  }

  /** The entry of a key, with versions if it has them. */
  found(key: K, { value, revision, expiresAtMs, createRevision, version }: Found): Entry<K, V> {
    const entry = makeEntry(key, this.values.decode(value), revision, expiresAtMs);
    if (version === 0) return entry;
    entry.createRevision = createRevision;
    entry.version = version;
    return entry;
  }

  /** The stored key of a user's key. Throws `COPPICE_INVALID` for a key of another type. */
  encodeKey(key: K, what = 'key'): Encoded {
    const bytes = this.keys.encode(key, what);
    return this.prefix === '' ? bytes : this.join(bytes);
  }

  /** The user's key of a stored key. */
  decodeKey(raw: string | Buffer): K {
    const skip = this.prefix.length;
    if (skip === 0) return this.keys.decode(raw);
    return this.keys.decode(typeof raw === 'string' ? raw.slice(skip) : raw.subarray(skip));
  }

  /** Puts the prefix before an encoded key. */
  join(bytes: Encoded): Encoded {
    return typeof bytes === 'string' ? this.prefix + bytes : Buffer.concat([this.#prefixBytes, bytes]);
  }
}

/** An entry without absent fields, so that entries compare and print as one expects. */
export function makeEntry<K, V>(key: K, value: V, revision: number, expiresAtMs: number | undefined): Entry<K, V> {
  if (expiresAtMs === undefined) return { key, value, revision };
  return { key, value, revision, expiresAt: new Date(expiresAtMs) };
}
