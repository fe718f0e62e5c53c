/**
 * Branches: what making one takes and asks of the store, how soon it can be read, and what a diff of two large ones reads.
 *
 * @module
 */
import { readFileSync, rmSync } from 'node:fs';
import { createBranch, type Database, dropBranch, listBranches, open } from '../../../ts/index.js';
import { key } from '../../data.js';
import { CountingStore } from '../counting.js';
import { storeIn } from '../server.js';
import { BATCH, BY_HAND, type Given, manifestOf, timed, value } from './place.js';

export interface ForksGiven extends Given {
  rounds: number;
}

/** Of a branch that nobody has open: milliseconds and requests, a round each. */
export interface Forks {
  /** Everything that is in the store. */
  endMs: number[];
  endRequests: number;
  /** The revision of the newest checkpoint. */
  pastMs: number[];
  pastRequests: number;
}

export async function forks({ rounds, ...given }: ForksGiven): Promise<Forks> {
  const store = new CountingStore(storeIn(given, given.prefix));
  await store.head('db.json');
  const found: Forks = { endMs: [], endRequests: 0, pastMs: [], pastRequests: 0 };
  const at = (await listBranches(store)).find(({ name }) => name === 'main')?.checkpoint?.revision;
  if (at === undefined) throw new Error('there is no checkpoint');
  for (let round = 0; round < rounds; round++) {
    store.forget();
    found.endMs.push(await timed(() => createBranch(store, `end${round}`)));
    found.endRequests = Math.max(found.endRequests, store.requests);
    store.forget();
    found.pastMs.push(await timed(() => createBranch(store, `past${round}`, { at })));
    found.pastRequests = Math.max(found.pastRequests, store.requests);
    for (const name of [`end${round}`, `past${round}`]) await dropBranch(store, name);
  }
  return found;
}

export interface GrownGiven extends Given {
  keys: number;
  rounds: number;
}

/** Milliseconds from the call of `branch` of an open database, which the store has all of, to the first read of the branch. */
export interface Grown {
  ms: number[];
}

export async function grown({ rounds, keys, ...given }: GrownGiven): Promise<Grown> {
  const store = storeIn(given, given.prefix);
  const db = await open(given.folder, { store, durability: 'remote', checkpoint: BY_HAND });
  await db.checkpoint();
  const found: Grown = { ms: [] };
  for (let round = 0; round < rounds; round++) {
    const name = `grown${round}`;
    await db.put(`round${round}`, 'so that the log has an end of its own');
    let branch: Database<string, string> | undefined;
    const first = timed(async () => {
      branch = await db.branch(name);
      if ((await branch.get(key(keys >> 1))) === undefined) throw new Error('a key is missing');
    });
    found.ms.push(await first);
    const path = branch!.path;
    await branch!.close();
    rmSync(path, { recursive: true });
  }
  await db.close();
  return found;
}

export interface DifferGiven extends Given {
  keys: number;
  valueBytes: number;
  changes: number;
}

/** A diff of two branches of a large database, one of which is open: what it read of disk and store, of so much. */
export interface Differ {
  changes: number;
  ms: number;
  readBytes: number;
  ofBytes: number;
}

export async function differ({ keys, valueBytes, changes, ...given }: DifferGiven): Promise<Differ> {
  const store = storeIn(given, given.prefix);
  const db = await open(given.folder, { store, durability: 'remote', valueEncoding: 'buffer', checkpoint: BY_HAND });
  const manifest = await manifestOf(store, (await db.checkpoint()).location);
  const ofBytes = manifest.tables.reduce((sum, table) => sum + (table as unknown as { bytes: number }).bytes, 0);
  const branch = await db.branch('differs');
  for (let from = 0; from < changes; from += BATCH) {
    const row = (n: number) => Math.imul(n, Math.floor(keys / changes)) % keys;
    const numbers = Array.from({ length: Math.min(BATCH, changes - from) }, (_, n) => row(from + n));
    await branch.batch(numbers.map((n) => ({ type: 'put', key: key(n), value: value(n + 1, valueBytes) })));
  }
  const path = branch.path;
  await branch.close();
  rmSync(path, { recursive: true });
  const before = readBytes();
  let found = 0;
  const ms = await timed(async () => {
    for await (const { before, after } of db.diff('differs'))
      found += before !== undefined && after !== undefined ? 1 : 0;
  });
  const answer = { changes: found, ms, readBytes: readBytes() - before, ofBytes };
  await db.close();
  return answer;
}

/** Everything that this process has read, of files and of sockets, from memory or not. */
function readBytes(): number {
  return Number(/rchar: (\d+)/.exec(readFileSync('/proc/self/io', 'utf8'))![1]);
}
