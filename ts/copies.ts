/**
 * Other branches, as an open database reads them: as the store has them, from copies that go afterwards.
 *
 * @module
 */

import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { keyCodec, valueCodec } from './encoding/index.js';
import { CoppiceError } from './errors.js';
import { Handle } from './handle.js';
import { Keyspace } from './keyspace.js';
import type { Merged, MergeOptions, Unmerged } from './merge.js';
import { openEngine } from './native/index.js';
import type { Changes, EngineEvent } from './native/types.js';
import type { Keys } from './options/encryption.js';
import { resolveOpen } from './options/open.js';
import { Pin } from './pin.js';
import { Reader } from './reader.js';
import { branchName, forkPoint, type Near, OWN, restoreBranch } from './repository/index.js';
import type { Until } from './repository/protocol/index.js';
import type { ObjectStore } from './repository/store/index.js';
import type { Progress } from './upkeep.js';

const BYTES = new Keyspace(keyCodec('buffer'), valueCodec('buffer'), '');

/** Where the branch of an open database lives, and how another one of it is opened. */
export interface Repository {
  /** Encrypts, if there are keys. */
  readonly store: ObjectStore;
  readonly keys: Keys | undefined;
  /** Of the branch. */
  readonly name: string;
  open(path: string, branch: string, near: Near): Promise<unknown>;
}

/** The tables that an open database has, for another one on the same machine. */
export function nearOf(handle: Handle): Near {
  return async () => handle.engine.replication?.tables();
}

/** Another branch, or this one, as the store has it, in a folder that goes when it is closed. */
export interface Copy {
  readonly reader: Reader<unknown, unknown>;
  close(): Promise<void>;
}

/** Makes such a copy, of tables that are here as far as they are. `at`: up to a revision; null: all of it. */
export async function copyOf(
  handle: Handle,
  { store, keys }: Repository,
  name: string,
  at: Until | null,
  onProgress?: (progress: Progress) => void,
): Promise<Copy> {
  const copies = join(handle.path, OWN, 'copies');
  const folder = join(copies, `${process.pid}-${randomUUID()}`);
  const remove = () => rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  // No other process has this folder open: what is there of one was left when that was killed.
  for (const left of await readdir(copies)) {
    if (!left.startsWith(`${process.pid}-`)) await rm(join(copies, left), { recursive: true, force: true });
  }
  try {
    const engine = { ...resolveOpen({}).engine, keys };
    const source = { store, branch: branchName(name), until: at ?? undefined, near: nearOf(handle) };
    await restoreBranch(folder, engine, { ...source, signal: handle.ending, onProgress });
    const open = async (on: (event: EngineEvent) => void) => ({
      engine: await openEngine(folder, { ...engine, readOnly: true, createIfMissing: false }, on),
    });
    const copy = await Handle.open(folder, open, 'process');
    const reader = new Reader(copy, BYTES, new Pin(copy, 0));
    return { reader, close: () => copy.close().then(remove) };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** A diff with something that has to be made first. */
export function lateChanges(make: () => Promise<Copy>, diff: (copy: Reader<unknown, unknown>) => Changes): Changes {
  let isClosed = false;
  let opening: Promise<{ copy: Copy; changes: Changes }> | undefined;
  const opened = async () => {
    const copy = await make();
    try {
      return { copy, changes: diff(copy.reader) };
    } catch (error) {
      await copy.close();
      throw error;
    }
  };
  return {
    async next() {
      opening ??= opened();
      return (await opening).changes.next();
    },
    close() {
      if (isClosed) return;
      isClosed = true;
      const close = ({ copy, changes }: { copy: Copy; changes: Changes }) => {
        changes.close();
        return copy.close();
      };
      // Nobody waits for it.
      opening?.then(close).catch(() => {});
    },
  };
}

/** Merges another branch of the store; see `Database.merge`. */
export async function mergeBranch<K, V>(
  handle: Handle,
  repository: Repository,
  name: string,
  { base: given, onProgress }: Partial<Pick<MergeOptions<K, V>, 'base' | 'onProgress'>>,
  merge: (theirs: Reader<unknown, unknown>, base: MergeOptions<K, V>['base']) => Promise<Merged | Unmerged<K, V>>,
): Promise<Merged | Unmerged<K, V>> {
  const copies: Copy[] = [];
  const copy = async (branch: string, at: Until | null) => {
    const made = await copyOf(handle, repository, branch, at, onProgress);
    copies.push(made);
    return made.reader;
  };
  try {
    const theirs = await copy(name, null);
    return await merge(theirs, given ?? (await baseOf(handle, repository, name, copy)));
  } finally {
    await Promise.all(copies.map((copy) => copy.close()));
  }
}

/** The state that this branch and another one both began with. */
async function baseOf(
  handle: Handle,
  { store, name: own }: Repository,
  name: string,
  copy: (branch: string, at: Until) => Promise<Reader<unknown, unknown>>,
): Promise<Reader<unknown, unknown> | number> {
  const revision = await forkPoint(store, own, branchName(name));
  if (revision === undefined) {
    const message = `nobody knows which revision "${name}" and "${own}" have in common: give base`;
    throw new CoppiceError('INVALID', message, { details: { option: 'base' } });
  }
  if (handle.history) return revision;
  // A branch that has made all of it its own has let go of what it began with; its parent may still keep that.
  return copy(name, { revision }).catch(() => copy(own, { revision }));
}
