/**
 * `coppice/unstorage`: a driver for unstorage. Keys of the storage are keys of the database, as text.
 *
 * @module
 */

import type { Driver } from 'unstorage';
import { Backing, type DriverDatabase, type GivenDatabase, type OwnDatabase, putAll } from '../backing.js';
import { type Codec, keyCodec, valueCodec } from '../encoding/index.js';
import { invalid } from '../errors.js';
import type { Expiry } from '../options/write.js';
import { Tree } from '../sublevel.js';
import type { Writer } from '../writer.js';
import { keysOf } from './keys.js';
import { Watch } from './watch.js';

export type { DriverDatabase, GivenDatabase, OwnDatabase } from '../backing.js';

/** A folder with the options of `open`, or `{ db }`: what is open already. And how long items live. */
export type CoppiceDriverOptions = DriverDatabase & {
  /** After so many seconds an item expires, unless it is set with a `ttl` of its own. Default: never. */
  ttl?: number;
};

const TEXT = keyCodec('utf8') as Codec<string>;
const BYTES = valueCodec('buffer') as Codec<Uint8Array>;

/**
 * A driver for unstorage that keeps its items in Coppice: in a folder, which is opened when it is first used and closed by `dispose`, or in
 * a database or sublevel that is open.
 *
 * An item with a `ttl` is gone, for everyone who reads, from the millisecond on at which it expires. `setItems` is one commit, or several if it
 * is over 8 MiB; `clear` is one range delete; `getKeys` with `maxDepth` does not read what lies deeper. Raw items are bytes. Those who watch
 * are told of every change by this thread, through this driver or not, and with a replica of what its writer has written.
 *
 * @throws `COPPICE_INVALID` for an option, which is named.
 * @example
 * ```ts
 * import coppiceDriver from 'coppice/unstorage';
 * import { createStorage } from 'unstorage';
 *
 * const storage = createStorage({ driver: coppiceDriver({ path: './storage' }) });
 * await storage.setItem('user:ada', { born: 1815 });
 * await storage.setItem('session:1', 'ada', { ttl: 60 });
 * console.log(await storage.getItem('user:ada')); // { born: 1815 }
 * console.log(await storage.getKeys('user')); // [ 'user:ada' ]
 * await storage.dispose();
 * ```
 */
export default function coppiceDriver(
  options: CoppiceDriverOptions,
): Driver<CoppiceDriverOptions, Promise<Writer<unknown, unknown>>> {
  const { ttl: usual, ...database } = { ...options };
  const backing = new Backing(database as GivenDatabase | OwnDatabase, 'coppiceDriver', (db) => ({
    db,
    texts: Tree.recoded(db, TEXT, TEXT),
    bytes: Tree.recoded(db, TEXT, BYTES),
  }));
  const expiry = ({ ttl = usual }: { ttl?: number } = {}): Expiry => expiryOf(ttl);
  expiry();
  const watches = new Set<Watch>();
  /** A write is over when those who watch know of it, as with drivers that nobody can watch. */
  const written = async (write: Promise<unknown>) => {
    await write;
    if (watches.size > 0) await Promise.all([...watches].map(({ told }) => told));
  };
  return {
    name: 'coppice',
    options,
    flags: { maxDepth: true, ttl: true },
    getInstance: async () => (await backing.ready()).db,
    hasItem: async (key) => (await backing.ready()).texts.has(key),
    getItem: async (key) => (await (await backing.ready()).texts.get(key)) ?? null,
    async getItems(items) {
      const values = await (await backing.ready()).texts.getMany(items.map(({ key }) => key));
      return items.map(({ key }, i) => ({ key, value: values[i] ?? null }));
    },
    getItemRaw: async (key) => (await (await backing.ready()).bytes.get(key)) ?? null,
    async getMeta(key) {
      const entry = await (await backing.ready()).bytes.getEntry(key);
      if (entry === undefined) return null;
      const { value, revision, expiresAt } = entry;
      const ttl = expiresAt && { expiresAt, ttl: Math.ceil((expiresAt.getTime() - Date.now()) / 1_000) };
      return { size: value.byteLength, revision, ...ttl };
    },
    async setItem(key, value, given) {
      await written((await backing.ready()).texts.put(key, value, expiry(given)));
    },
    async setItems(items, common) {
      const { texts } = await backing.ready();
      const rows = items.map(({ key, value, options }) => ({ key, value, ...expiry({ ...common, ...options }) }));
      await written(putAll(texts, rows));
    },
    async setItemRaw(key, value, given) {
      const { texts, bytes } = await backing.ready();
      const isText = typeof value === 'string';
      await written(isText ? texts.put(key, value, expiry(given)) : bytes.put(key, rawBytes(value), expiry(given)));
    },
    async removeItem(key) {
      await written((await backing.ready()).texts.del(key));
    },
    getKeys: async (base = '', { maxDepth } = {}) => keysOf((await backing.ready()).texts, base, maxDepth),
    async clear(base = '') {
      await written((await backing.ready()).texts.delRange({ prefix: base }));
    },
    async watch(tell) {
      const watch = new Watch((await backing.ready()).bytes, tell);
      watches.add(watch);
      return () => {
        watches.delete(watch);
        watch.stop();
      };
    },
    async dispose() {
      for (const watch of watches) watch.stop();
      watches.clear();
      await backing.close();
    },
  };
}

/** As with the other drivers nothing, and 0, is no limit. */
function expiryOf(ttl: number | undefined | null): Expiry {
  if (ttl === undefined || ttl === null || ttl === 0) return {};
  if (typeof ttl === 'number' && ttl > 0) return { ttl: ttl * 1_000 };
  throw invalid('ttl', 'a number of seconds', ttl);
}

function rawBytes(value: unknown): Uint8Array {
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  throw invalid('a raw value', 'text or bytes', value);
}
