/**
 * The storage formats of Level: text, or bytes. A database of Level has both at once, call by call; here each pair of formats for keys
 * and values is a keyspace of its own over the same stored bytes.
 *
 * @module
 */

import { codec, type Encoded } from '../encoding/index.js';
import { Keyspace } from '../keyspace.js';

/** A key or a value as Level hands it over: encoded already. */
export type Stored = Encoded;

/** What Level says of a call. `view` gives what `buffer` gives, which is a view. */
export interface Formats {
  readonly keyEncoding?: string;
  readonly valueEncoding?: string;
}

/** Level encodes by itself: it takes either, and gives one of them. */
const given = (value: Stored) => value;
const text = codec<Stored>('utf8', 'utf8', given);
const bytes = codec<Stored>('buffer', 'buffer', given);

const SPACES = [text, bytes].map((keys) => [text, bytes].map((values) => new Keyspace(keys, values, '')));

/** Which of the four pairs a call is about. */
export function pairOf({ keyEncoding, valueEncoding }: Formats): number {
  return (keyEncoding === 'utf8' ? 0 : 2) + (valueEncoding === 'utf8' ? 0 : 1);
}

/** The keyspaces, by their pair. */
export const PAIRS: readonly Keyspace<Stored, Stored>[] = SPACES.flat();
