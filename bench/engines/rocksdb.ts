import { promisify } from 'node:util';
import { type Engine, peer, type Use } from './engine.js';

/** The older binding: callbacks all the way, so each call is wrapped into a promise as a user has to. */
interface Leveldown {
  open(options: object, done: (error?: Error) => void): void;
  put(key: string, value: Buffer, options: object, done: (error?: Error) => void): void;
  del(key: string, options: object, done: (error?: Error) => void): void;
  get(key: string, options: object, done: (error: Error | null, value?: Buffer) => void): void;
  batch(operations: object[], options: object, done: (error?: Error) => void): void;
  iterator(options: object): {
    next(done: (error: Error | null, key?: string, value?: Buffer) => void): void;
    end(done: (error?: Error) => void): void;
  };
  compactRange(start: string, end: string, done: (error?: Error) => void): void;
  close(done: (error?: Error) => void): void;
}

function rows(db: Leveldown, options: object, use: Use): Promise<void> {
  const iterator = db.iterator({ ...options, keyAsBuffer: false, valueAsBuffer: true });
  return new Promise((resolve, reject) => {
    const step = (error: Error | null, key?: string, value?: Buffer): void => {
      if (error) return reject(error);
      if (key === undefined) return iterator.end(() => resolve());
      use(key, value!);
      iterator.next(step);
    };
    iterator.next(step);
  });
}

export const rocksdb: Engine = {
  name: 'rocksdb',
  persistent: true,
  syncs: true,
  async open(folder, { durability, cacheBytes, memtableBytes }) {
    const { default: create } = (await peer('rocksdb')) as { default: (folder: string) => Leveldown };
    const db = create(folder);
    const options = { createIfMissing: true, cacheSize: cacheBytes, writeBufferSize: memtableBytes };
    await promisify<object, void>(db.open.bind(db))(options);
    const write = { sync: durability === 'disk' };
    const get = (key: string): Promise<Buffer | undefined> =>
      new Promise((resolve, reject) => {
        db.get(key, {}, (error, value) => {
          if (error && !/notfound/i.test(error.message)) reject(error);
          else resolve(value);
        });
      });
    const put = promisify<string, Buffer, object, void>(db.put.bind(db));
    const del = promisify<string, object, void>(db.del.bind(db));
    const batch = promisify<object[], object, void>(db.batch.bind(db));
    return {
      load: (keys, values) =>
        batch(
          keys.map((key, i) => ({ type: 'put', key, value: values[i]! })),
          write,
        ),
      put: (key, value) => put(key, value, write),
      del: (key) => del(key, write),
      get,
      getAsync: get,
      scan: (use) => rows(db, {}, use),
      range: (from, limit, use) => rows(db, { gte: from, limit }, use),
      compact: () => promisify<string, string, void>(db.compactRange.bind(db))('0', '~'),
      close: () => promisify<void>(db.close.bind(db))(),
    };
  },
};
