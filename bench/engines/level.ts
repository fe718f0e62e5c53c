import { type Engine, peer, type Store, type Use } from './engine.js';

interface Iterator {
  nextv(size: number): Promise<[string, Buffer][]>;
  all(): Promise<[string, Buffer][]>;
  close(): Promise<void>;
}

/** What classic-level, memory-level and @nxtedition/rocksdb have in common. */
interface Level {
  open(): Promise<void>;
  put(key: string, value: Buffer, options: object): Promise<void>;
  del(key: string, options: object): Promise<void>;
  get(key: string): Promise<Buffer | undefined>;
  getSync?(key: string): Buffer | undefined;
  _getManySync?(keys: string[], options: object): (Buffer | undefined)[];
  batch(operations: object[], options: object): Promise<void>;
  iterator(options: object): Iterator;
  compactRange?(start: string, end: string): Promise<void>;
  close(): Promise<void>;
}

type LevelClass = new (location: string, options: object) => Level;

const CHUNK = 1000;
const encodings = { keyEncoding: 'utf8', valueEncoding: 'buffer' };

async function scan(iterator: Iterator, use: Use): Promise<void> {
  for (let rows = await iterator.nextv(CHUNK); rows.length > 0; rows = await iterator.nextv(CHUNK)) {
    for (const [key, value] of rows) use(key, value);
  }
  await iterator.close();
}

function store(db: Level, sync: boolean): Store {
  const write = { sync };
  const calls: Store = {
    load: (keys, values) =>
      db.batch(
        keys.map((key, i) => ({ type: 'put', key, value: values[i]! })),
        write,
      ),
    put: (key, value) => db.put(key, value, write),
    del: (key) => db.del(key, write),
    get: (key) => db.get(key),
    getAsync: (key) => db.get(key),
    scan: (use) => scan(db.iterator({}), use),
    async range(from, limit, use) {
      for (const [key, value] of await db.iterator({ gte: from, limit }).all()) use(key, value);
    },
    close: () => db.close(),
  };
  if (db.getSync !== undefined) {
    calls.getSync = (key) => db.getSync!(key);
    calls.getText = calls.getSync;
  } else if (db._getManySync !== undefined) {
    // The only synchronous read that this package has.
    calls.getSync = (key) => db._getManySync!([key], { keyEncoding: 'utf8', valueEncoding: 'buffer' })[0] ?? undefined;
    calls.getText = calls.getSync;
  }
  if (db.compactRange !== undefined) calls.compact = () => db.compactRange!('', '\xff');
  return calls;
}

export const classicLevel: Engine = {
  name: 'classic-level',
  persistent: true,
  syncs: true,
  async open(folder, { durability, cacheBytes, memtableBytes }) {
    const { ClassicLevel } = (await peer('classic-level')) as { ClassicLevel: LevelClass };
    const db = new ClassicLevel(folder, { ...encodings, cacheSize: cacheBytes, writeBufferSize: memtableBytes });
    await db.open();
    return store(db, durability === 'disk');
  },
};

function undefinedIfMissing(error: Error & { code?: string }): undefined {
  if (error.code !== 'LEVEL_NOT_FOUND') throw error;
}

export const rocksLevel: Engine = {
  name: '@nxtedition/rocksdb',
  persistent: true,
  syncs: true,
  async open(folder, { durability, cacheBytes }) {
    const { RocksLevel } = (await peer('@nxtedition/rocksdb')) as { RocksLevel: LevelClass };
    const db = new RocksLevel(folder, { ...encodings, cacheSize: cacheBytes, createIfMissing: true });
    await db.open();
    const sync = durability === 'disk';
    const calls = store(db, sync);
    // It rejects where the others answer `undefined`.
    const get = (key: string) => db.get(key).catch(undefinedIfMissing);
    calls.get = get;
    calls.getAsync = get;
    // Its `put` takes the option `sync` and drops it; a batch of one heeds it.
    if (sync) calls.put = (key, value) => db.batch([{ type: 'put', key, value }], { sync });
    return calls;
  },
};

/** Pure JavaScript and in memory: shown beside the peers, never counted as one. */
export const memoryLevel: Engine = {
  name: 'memory-level',
  persistent: false,
  syncs: false,
  async open() {
    const { MemoryLevel } = (await peer('memory-level')) as { MemoryLevel: new (options: object) => Level };
    const db = new MemoryLevel({ ...encodings, storeEncoding: 'buffer' });
    await db.open();
    return store(db, false);
  },
};
