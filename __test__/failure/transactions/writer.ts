/**
 * The writer that is killed: moves money between accounts, many transfers at a time, and writes down each in its own transaction. What it
 * has to say goes to standard output at once: `open`, `acknowledged TRANSFER`.
 *
 * `node --import=tsx writer.ts FOLDER FIRST_TRANSFER DURABILITY`
 *
 * @module
 */

import { writeSync } from 'node:fs';
import { type Durability, open } from '../../../ts/index.js';
import { ACCOUNTS, accountOf, type Transfer, transferOf } from './transfers.js';

const AT_ONCE = 16;

const [path, first, durability] = process.argv.slice(2) as [string, string, Durability];
const db = await open(path, { durability, valueEncoding: 'json', memoryBytes: 16 << 20, memtableBytes: 1 << 20 });
const transfers = db.sublevel<string, Transfer>('transfers', { valueEncoding: 'json' });
let next = Number(first);
writeSync(1, 'open\n');
await Promise.all(Array.from({ length: AT_ONCE }, run));

async function run(): Promise<void> {
  for (;;) {
    const number = next++;
    const from = accountOf(Math.floor(Math.random() * ACCOUNTS));
    const to = accountOf(Math.floor(Math.random() * ACCOUNTS));
    const amount = 1 + Math.floor(Math.random() * 20);
    await db.transaction(
      async (transaction) => {
        const has = Number(await transaction.get(from));
        await new Promise((resolve) => setImmediate(resolve));
        const moved = from === to ? 0 : Math.min(has, amount);
        transaction.put(from, has - moved);
        transaction.put(to, Number(await transaction.get(to)) + moved);
        transaction.in(transfers).put(transferOf(number), { from, to, moved });
      },
      { retries: 10_000 },
    );
    writeSync(1, `acknowledged ${number}\n`);
  }
}
