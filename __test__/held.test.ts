import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import test from 'ava';
import type { Database } from '../ts/index.js';
import { fill, temporaryDatabase } from './support/database.js';

const ROUNDS_MAX = 300;
const KEYS = Array.from({ length: 40 }, (_, i) => `key ${i}`);

/** Begins a range, then replaces what it reads: it alone holds these files. */
async function heldByRange(db: Database<string, string>): Promise<{ rows: Iterator<string>; files: string[] }> {
  await fill(db, KEYS);
  await db.flush();
  const rows = db.keys({ batchSize: 10 })[Symbol.iterator]();
  rows.next();
  const names = readdirSync(db.path).filter((name) => name.endsWith('.table'));
  const files = names.map((name) => join(db.path, name));
  await fill(db, KEYS);
  await db.compact();
  return { rows, files };
}

test('files that only a range held are removed when it ends, not on this thread', async (t) => {
  const db = await temporaryDatabase(t);
  const ends = {
    closed: (rows: Iterator<string>) => rows.return?.(),
    exhausted: (rows: Iterator<string>) => {
      while (!rows.next().done);
    },
  };
  for (const [how, end] of Object.entries(ends)) {
    let rounds = 0;
    for (let isLater = false; !isLater && rounds < ROUNDS_MAX; rounds++) {
      const { rows, files } = await heldByRange(db);
      t.true(files.length > 0 && files.every((file) => existsSync(file)));
      end(rows);
      // Another thread may be quick, but not each time.
      isLater = files.every((file) => existsSync(file));
      while (files.some((file) => existsSync(file))) await turn();
    }
    t.true(rounds < ROUNDS_MAX, how);
  }
});

test('once a database is closed, files that its ranges held are gone', async (t) => {
  const db = await temporaryDatabase(t);
  const { files } = await heldByRange(db);
  await db.close();
  t.deepEqual(
    files.filter((file) => existsSync(file)),
    [],
  );
});
