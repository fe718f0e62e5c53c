import test from 'ava';
import type { Database } from '../ts/index.js';
import { temporaryDatabase } from './support/database.js';

const PATIENCE_MS = 30_000;

const CALLS: Record<string, (db: Database<string, string>, key: string) => Promise<unknown>> = {
  puts: (db, key) => db.put(key, 'value'),
  dels: (db, key) => db.del(key),
  gets: (db, key) => db.get(key),
};

for (const [name, call] of Object.entries(CALLS)) {
  test(`whoever awaits one after another of ${name} leaves others their turn`, async (t) => {
    const db = await temporaryDatabase(t);
    let turns = 0;
    const timer = setInterval(() => {
      turns += 1;
    }, 1);
    const endMs = performance.now() + PATIENCE_MS;
    for (let n = 0; turns < 3 && performance.now() < endMs; n++) await call(db, `key ${n % 100}`);
    clearInterval(timer);
    t.is(turns, 3);
  });
}
