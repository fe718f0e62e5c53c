/**
 * A store in the memory of this process, for tests: every promise of `ObjectStore` but that anything lasts.
 *
 * @module
 */

import { checkBody, checkDel, checkGet, checkHead, checkList, checkPut } from './check.js';
import { lost } from './failures.js';
import type {
  ObjectStore,
  StoredHead,
  StoredObject,
  StoreGetOptions,
  StoreListOptions,
  StoreOptions,
  StorePutOptions,
} from './object-store.js';

interface Kept {
  readonly body: Uint8Array;
  readonly etag: string;
  readonly sha256: string | undefined;
}

class MemoryStore implements ObjectStore {
  readonly location = 'memory';
  readonly #objects = new Map<string, Kept>();
  #puts = 0;

  async get(key: string, options: StoreGetOptions = {}): Promise<StoredObject | undefined> {
    checkGet(key, options);
    const kept = this.#objects.get(key);
    return kept && { body: kept.body.slice(...(options.range ?? [])), etag: kept.etag };
  }

  async head(key: string, options: StoreOptions = {}): Promise<StoredHead | undefined> {
    checkHead(key, options);
    const kept = this.#objects.get(key);
    if (kept === undefined) return undefined;
    const { body, etag, sha256 } = kept;
    return { size: body.length, etag, ...(sha256 !== undefined && { sha256 }) };
  }

  async put(key: string, body: Uint8Array, options: StorePutOptions = {}): Promise<{ etag: string }> {
    checkPut(key, body, options);
    const { ifNoneMatch, ifMatch, sha256 } = options;
    await checkBody(key, body, sha256);
    // From here on nothing is awaited, so no other call comes between the check and the change.
    const there = this.#objects.get(key);
    if (ifNoneMatch !== undefined && there !== undefined) throw lost(key, this.location, 'exists');
    if (ifMatch !== undefined && there?.etag !== ifMatch) {
      throw lost(key, this.location, there === undefined ? 'missing' : 'changed');
    }
    const etag = `"${++this.#puts}"`;
    this.#objects.set(key, { body: Uint8Array.from(body), etag, sha256 });
    return { etag };
  }

  async *list(prefix: string, options: StoreListOptions = {}): AsyncGenerator<{ key: string; size: number }> {
    checkList(prefix, options);
    const { after = '' } = options;
    const keys = [...this.#objects.keys()].filter((key) => key.startsWith(prefix) && key > after).sort();
    for (const key of keys) {
      const kept = this.#objects.get(key);
      if (kept !== undefined) yield { key, size: kept.body.length };
    }
  }

  async del(keys: readonly string[], options: StoreOptions = {}): Promise<void> {
    checkDel(keys, options);
    for (const key of keys) this.#objects.delete(key);
  }
}

/**
 * A store in memory, for tests. It is gone with the process, and each call makes another one.
 *
 * @example
 * ```ts
 * import { memoryStore } from 'coppice';
 *
 * const store = memoryStore();
 * const { etag } = await store.put('heads/main', Buffer.from('1'), { ifNoneMatch: '*' });
 * await store.put('heads/main', Buffer.from('2'), { ifMatch: etag });
 * ```
 */
export function memoryStore(): ObjectStore {
  return new MemoryStore();
}
