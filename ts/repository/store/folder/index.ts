/**
 * A store in a folder, for what must outlive a database on a disk of its own.
 *
 * An object is a plain file of the same name, so that a folder may be copied to a bucket and back. What must hold:
 * - A file is written and synced under a name that no key has, then gets its own in one step: by a link, which fails
 *   where there is one (create), or by a rename (replace). No file is ever changed, so a reader has one object whole, and
 *   what a kill leaves behind is a file that no key names.
 * - Replacing and removing happen under one lock file of the whole store, held for a look and a rename, never while
 *   anything is written. Creating needs none: a replacement finds its object or loses, and only what holds the lock can
 *   make a name free.
 * - Folders are synced before a put resolves, with all that lead to them; a read waits for a sync that is under way.
 *   After one that failed every call fails: what a caller has read back is as durable as what a put has said.
 *
 * @module
 */

import { existsSync } from 'node:fs';
import { link, mkdtemp, rename, rm, utimes } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { throwIfAborted } from '../../../abort.js';
import { CoppiceError } from '../../../errors.js';
import { checkPath } from '../../../options/open.js';
import { checkBody, checkDel, checkGet, checkHead, checkList, checkPut } from '../check.js';
import { lost } from '../failures.js';
import type {
  ObjectStore,
  StoredHead,
  StoredObject,
  StoreGetOptions,
  StoreListOptions,
  StoreOptions,
  StorePutOptions,
} from '../object-store.js';
import { diskError, hasCode } from './failures.js';
import { etagOf, isFolder, look, NewFiles, read } from './files.js';
import { Folders, pathOf } from './folders.js';
import { listBelow } from './list.js';
import { Turns } from './turns.js';

/** What belongs to the store itself. No key has a part that begins with a dot. */
const OWN = '.coppice';
/** So many objects are removed in one turn. */
const REMOVED_AT_ONCE = 64;

class FolderStore implements ObjectStore {
  readonly location: string;
  readonly #folders: Folders;
  readonly #new: NewFiles;
  readonly #turns: Turns;

  constructor(location: string) {
    this.location = location;
    this.#folders = new Folders(location);
    this.#new = new NewFiles(join(location, OWN, 'new'), this.#folders);
    this.#turns = new Turns(join(location, OWN, 'lock'));
  }

  get(key: string, options: StoreGetOptions = {}): Promise<StoredObject | undefined> {
    return this.#doing(`read "${key}"`, async () => {
      checkGet(key, options);
      const path = this.#path(key);
      await this.#folders.settle(dirname(path));
      return read(path, options.range);
    });
  }

  head(key: string, options: StoreOptions = {}): Promise<StoredHead | undefined> {
    return this.#doing(`look at "${key}"`, async () => {
      checkHead(key, options);
      const path = this.#path(key);
      await this.#folders.settle(dirname(path));
      const found = await look(path);
      return found && { size: Number(found.size), etag: etagOf(found) };
    });
  }

  put(key: string, body: Uint8Array, options: StorePutOptions = {}): Promise<{ etag: string }> {
    return this.#doing(`write "${key}"`, async () => {
      checkPut(key, body, options);
      const { ifNoneMatch, sha256, signal } = options;
      await checkBody(key, body, sha256);
      return this.#new.with(body, async (file) => {
        const folder = dirname(this.#path(key));
        await this.#folders.prepare(folder);
        // The rest takes no time worth giving up.
        throwIfAborted(signal, 'a put');
        const etag = await this.#folders.change(folder, () =>
          ifNoneMatch === undefined ? this.#replace(key, file, options) : this.#create(key, file),
        );
        return { etag };
      });
    });
  }

  async *list(prefix: string, options: StoreListOptions = {}): AsyncGenerator<{ key: string; size: number }> {
    checkList(prefix, options);
    try {
      for await (const found of listBelow(this.location, prefix, options.after ?? '')) {
        throwIfAborted(options.signal, 'a list');
        yield found;
      }
    } catch (error) {
      throw diskError(`list "${prefix}"`, this.location, error);
    }
  }

  del(keys: readonly string[], options: StoreOptions = {}): Promise<void> {
    return this.#doing('remove objects', async () => {
      checkDel(keys, options);
      const folders = new Map<string, string[]>();
      for (const path of keys.map((key) => this.#path(key))) {
        const folder = dirname(path);
        folders.set(folder, [...(folders.get(folder) ?? []), path]);
      }
      for (const [folder, paths] of folders) await this.#remove(folder, paths, options.signal);
    });
  }

  async #create(key: string, file: string): Promise<string> {
    const path = this.#path(key);
    const made = await look(file);
    try {
      await link(file, path);
    } catch (error) {
      if (!hasCode(error, 'EEXIST') || (await isFolder(path))) throw error;
      throw lost(key, this.location, 'exists', error);
    }
    return etagOf(made as NonNullable<typeof made>);
  }

  #replace(key: string, file: string, { ifMatch }: StorePutOptions): Promise<string> {
    const path = this.#path(key);
    return this.#turns.take(async () => {
      const there = await look(path);
      if (ifMatch !== undefined && (there === undefined || etagOf(there) !== ifMatch)) {
        throw lost(key, this.location, there === undefined ? 'missing' : 'changed');
      }
      let made = (await look(file)) as NonNullable<typeof there>;
      if (there !== undefined && made.mtimeNs <= there.mtimeNs) {
        // Clocks of file systems tick every few milliseconds and may step back, and numbers of files are used again: a
        // time that only grows is what makes each replacement's ETag a new one.
        const later = new Date(Number(there.mtimeMs) + 2);
        await utimes(file, later, later);
        made = (await look(file)) as typeof made;
      }
      await rename(file, path);
      return etagOf(made);
    });
  }

  async #remove(folder: string, paths: readonly string[], signal: AbortSignal | undefined): Promise<void> {
    const there: string[] = [];
    for (const path of paths) if ((await look(path)) !== undefined) there.push(path);
    if (there.length === 0) return;
    await this.#folders.change(folder, async () => {
      for (let from = 0; from < there.length; from += REMOVED_AT_ONCE) {
        throwIfAborted(signal, 'a del');
        const some = there.slice(from, from + REMOVED_AT_ONCE);
        await this.#turns.take(() => Promise.all(some.map((path) => rm(path, { force: true }))));
      }
    });
  }

  #path(key: string): string {
    return pathOf(this.location, key);
  }

  async #doing<T>(what: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw diskError(what, this.location, error);
    }
  }
}

/**
 * A store in a folder of this machine, which is made at the first put. Everything a put has resolved is on the disk:
 * files are synced, and the folders that name them. Any number of processes of one machine may use it at once; a network
 * file system will not do, because its locks and links do not reach the other machines reliably.
 *
 * @example
 * ```ts
 * import { fsStore } from 'coppice';
 *
 * const store = fsStore('./store');
 * await store.put('greeting', Buffer.from('hello'));
 * console.log((await store.head('greeting'))?.size);
 * ```
 */
export function fsStore(folder: string): ObjectStore {
  return new FolderStore(resolve(checkPath(folder, 'folder')));
}

/**
 * Makes a store for as long as `use` takes, inside `folder`, so that it lies on the same file system and leaves nothing
 * there, not even what a store keeps for itself. What a kill leaves of it begins with a dot, as no key does.
 *
 * @throws `COPPICE_NOT_FOUND` if there is no such folder: a question makes none.
 */
export async function withTrialStore<T>(folder: string, use: (store: ObjectStore) => Promise<T>): Promise<T> {
  const location = resolve(checkPath(folder, 'folder'));
  if (!existsSync(location)) {
    const message = `there is no folder ${location}: make it, or name a bucket by s3://bucket/prefix`;
    throw new CoppiceError('NOT_FOUND', message);
  }
  const trial = await mkdtemp(join(location, '.coppice-doctor-')).catch((error: unknown) => {
    throw diskError('write', location, error);
  });
  try {
    return await use(fsStore(trial));
  } finally {
    await rm(trial, { recursive: true, force: true });
  }
}
