import { type Engine, peer } from './engine.js';

interface Lmdb {
  get(key: string): Buffer | undefined;
  getAsync(key: string): Promise<Buffer | undefined>;
  getBinaryFast(key: string): Buffer | undefined;
  put(key: string, value: Buffer): Promise<boolean>;
  remove(key: string): Promise<boolean>;
  transaction(body: () => void): Promise<unknown>;
  getRange(options: { start?: string; limit?: number }): Iterable<{ key: string; value: Buffer }> & {
    asArray: { key: string; value: Buffer }[];
  };
  readonly flushed: Promise<unknown>;
  close(): Promise<void>;
}

/** Its writes are acknowledged when committed, which kill -9 survives; `flushed` follows the disk. */
function lmdb(name: string, noSync: boolean): Engine {
  return {
    name,
    persistent: true,
    syncs: !noSync,
    async open(folder, { durability }) {
      const { open } = (await peer('lmdb')) as { open(options: object): Lmdb };
      const db = open({ path: folder, encoding: 'binary', noSync, mapSize: 16 * 2 ** 30 });
      const settled = async (write: Promise<unknown>): Promise<void> => {
        await write;
        await db.flushed;
      };
      const put = (key: string, value: Buffer) => db.put(key, value);
      return {
        load: (keys, values) =>
          db.transaction(() => {
            for (let i = 0; i < keys.length; i++) db.put(keys[i]!, values[i]!);
          }),
        put: durability === 'disk' ? (key, value) => settled(put(key, value)) : put,
        del: (key) => db.remove(key),
        get: (key) => db.get(key),
        getSync: (key) => db.get(key),
        getText: (key) => db.getBinaryFast(key),
        getAsync: (key) => db.getAsync(key),
        scan(use) {
          for (const { key, value } of db.getRange({})) use(key, value);
        },
        range(from, limit, use) {
          for (const { key, value } of db.getRange({ start: from, limit }).asArray) use(key, value);
        },
        close: () => db.close(),
      };
    },
  };
}

export const lmdbSynced = lmdb('lmdb', false);
export const lmdbUnsynced = lmdb('lmdb without sync', true);
