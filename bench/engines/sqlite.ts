import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Engine, peer } from './engine.js';

interface Statement {
  run(...values: unknown[]): void;
  get(...values: unknown[]): unknown;
  all(...values: unknown[]): unknown[];
  iterate(...values: unknown[]): Iterable<unknown>;
  raw(): this;
  pluck(): this;
}
interface Sqlite {
  pragma(text: string): void;
  exec(text: string): void;
  prepare(text: string): Statement;
  transaction(body: () => void): () => void;
  close(): void;
}

/** Every call blocks the event loop until it is done, which at `disk` means for a sync. */
export const sqlite: Engine = {
  name: 'better-sqlite3',
  persistent: true,
  syncs: true,
  async open(folder, { durability, cacheBytes }) {
    const { default: Database } = (await peer('better-sqlite3')) as { default: new (file: string) => Sqlite };
    mkdirSync(folder, { recursive: true });
    const db = new Database(join(folder, 'data.sqlite'));
    db.pragma('journal_mode = WAL');
    // In WAL mode NORMAL hands a commit to the operating system, FULL syncs it: 'process' and 'disk'.
    db.pragma(`synchronous = ${durability === 'disk' ? 'FULL' : 'NORMAL'}`);
    db.pragma(`cache_size = ${-Math.floor(cacheBytes / 1024)}`);
    db.exec('create table if not exists data (key text primary key, value blob) without rowid');
    const put = db.prepare('insert or replace into data values (?, ?)');
    const del = db.prepare('delete from data where key = ?');
    const get = db.prepare('select value from data where key = ?').pluck();
    const scan = db.prepare('select key, value from data order by key').raw();
    const range = db.prepare('select key, value from data where key >= ? order by key limit ?').raw();
    const getSync = (key: string): Buffer | undefined => get.get(key) as Buffer | undefined;
    return {
      load: (keys, values) =>
        db.transaction(() => {
          for (let i = 0; i < keys.length; i++) put.run(keys[i], values[i]);
        })(),
      put: (key, value) => put.run(key, value),
      del: (key) => del.run(key),
      get: getSync,
      getSync,
      getText: getSync,
      scan(use) {
        for (const row of scan.iterate()) use(...(row as [string, Buffer]));
      },
      range(from, limit, use) {
        for (const row of range.all(from, limit)) use(...(row as [string, Buffer]));
      },
      compact() {
        db.pragma('wal_checkpoint(TRUNCATE)');
        db.exec('vacuum');
        db.pragma('wal_checkpoint(TRUNCATE)');
      },
      close: () => db.close(),
    };
  },
};
