import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import type { Decoded, KeyEncoding, ValueEncoding } from '../../ts/index.js';
import { type K4, type K4Options, openK4 } from '../../ts/k4/index.js';
import { temporaryFolder } from '../support/database.js';

/** An empty database with K4's verbs in a folder of its own; closed and removed when the test ends. */
export async function temporaryK4<const K extends KeyEncoding = 'utf8', const V extends ValueEncoding = 'utf8'>(
  t: ExecutionContext,
  options: K4Options<K, V> = {},
): Promise<K4<Decoded<K>, Decoded<V>>> {
  const db = await openK4(join(await temporaryFolder(t), 'db'), { durability: 'process', ...options });
  t.teardown(() => db.close());
  return db;
}

/** So many keys in order, of one length. */
export function keysUpTo(count: number): string[] {
  return Array.from({ length: count }, (_, n) => `key${String(n).padStart(6, '0')}`);
}

/** Writes keys with one value, or each with its own. */
export async function fill<V>(
  db: K4<string, V>,
  keys: readonly string[],
  value: V | ((key: string) => V),
): Promise<void> {
  const make = typeof value === 'function' ? (value as (key: string) => V) : () => value;
  await Promise.all(keys.map((key) => db.put(key, make(key))));
}

const compiled = JSON.stringify(new URL('../../dist/k4/index.js', import.meta.url).href);

/** The head of a program (`runProgram`) that opens a database with K4's verbs. */
export const K4_PROGRAM = `const { openK4 } = await import(${compiled});`;
