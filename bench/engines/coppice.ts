import { open } from '../../ts/index.js';
import type { Engine } from './engine.js';

export const coppice: Engine = {
  name: 'coppice',
  persistent: true,
  syncs: true,
  async open(folder, { durability, cacheBytes, memtableBytes, text }) {
    // The option counts all memtables, the setting one of the two that the others keep at least.
    const memtables = 2 * memtableBytes;
    const db = await open<string, Buffer>(folder, {
      valueEncoding: (text ? 'utf8' : 'buffer') as 'buffer',
      durability,
      cacheBytes,
      memtableBytes: memtables,
      memoryBytes: cacheBytes + memtables,
    });
    return {
      load(keys, values) {
        const batch = db.batch();
        for (let i = 0; i < keys.length; i++) batch.put(keys[i]!, values[i]!);
        return batch.write();
      },
      put: (key, value) => db.put(key, value),
      del: (key) => db.del(key),
      get: (key) => db.get(key),
      getSync: (key) => db.getSync(key),
      getText: (key) => db.getSync(key),
      getAsync: (key) => db.get(key),
      scan(use) {
        for (const [key, value] of db.entries()) use(key, value);
      },
      range(from, limit, use) {
        for (const [key, value] of db.entries({ gte: from, limit }).toArraySync()) use(key, value);
      },
      compact: () => db.compact(),
      close: () => db.close(),
    };
  },
};
