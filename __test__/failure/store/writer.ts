/**
 * A machine that writes a branch until it is killed, or until another one has taken it. It waits for a line of parameters, so
 * that it can be started before it is needed, and says each thing at once, as a line: `open N DIGEST`, `stored NAME N`,
 * `taken NAME` (of a commit that was taken back), `fenced`, `flush`, `compaction`, `published`, `retry CODE`.
 *
 * @module
 */

import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { type CoppiceError, type Database, open, s3 } from '../../../ts/index.js';
import { splitMix32 } from '../../support/random.js';
import { CREDENTIALS } from '../../support/s3-server.js';
import { batchOf, COUNTER, type Count, countOf, next } from './commits.js';

export interface Parameters {
  name: string;
  endpoint: string;
  bucket: string;
  folder: string;
  history: boolean;
  seed: number;
}

const [line] = (await once(createInterface(process.stdin), 'line')) as [string];
const { name, endpoint, bucket, folder, history, seed }: Parameters = JSON.parse(line);
const random = splitMix32(seed);
const store = s3({ bucket, endpoint, credentials: CREDENTIALS, timeout: '1s' });

const db = await openAtLast();
let count = countOf(await db.get(COUNTER));
tell(`open ${count.n} ${count.digest}`);
let isFenced = false;
db.on('error', ({ code, message }) => {
  isFenced = code === 'COPPICE_FENCED';
  if (!isFenced) throw new Error(`${code}: ${message}`);
  tell('fenced');
});
db.on('flush', () => tell('flush'));
db.on('compaction', () => tell('compaction'));
db.on('checkpoint', () => tell('published'));

const ENDED = new Set(['COPPICE_FENCED', 'COPPICE_CLOSED']);
const inFlight = new Set<Promise<void>>();
const inFlightMax = 1 + random(8);
for (let i = 0; !isFenced; i++) {
  const key = `${name}.${i}`;
  count = next(count, key);
  const write = commit(key, count).finally(() => inFlight.delete(write));
  inFlight.add(write);
  if (random(40) === 0) upkeep().catch(ifEnded);
  if (inFlight.size >= inFlightMax) await Promise.race(inFlight);
  if (random(3) === 0) await setTimeout(random(20));
}
await Promise.all(inFlight);
await db.close();

async function commit(key: string, count: Count): Promise<void> {
  try {
    await db.batch(batchOf(key, count));
    tell(`stored ${key} ${count.n}`);
  } catch (error) {
    if ((error as CoppiceError).code !== 'COPPICE_FENCED') throw error;
    tell(`taken ${key}`);
  }
}

async function upkeep(): Promise<void> {
  if (random(3) === 0) await db.flush();
  else if (random(2) === 0) await db.compact();
  else await db.checkpoint();
}

/** A machine whose disk is empty is refused while the store cannot be reached: it asks again. */
async function openAtLast(): Promise<Database<string, string>> {
  for (;;) {
    try {
      return await open(folder, {
        store,
        durability: 'remote',
        history,
        memoryBytes: 16 << 20,
        checkpoint: { everySlots: 3 + random(12), everyBytes: 1 << 20, keep: 1, keepMs: 0 },
      });
    } catch (error) {
      const { code, details } = error as CoppiceError;
      if (code !== 'COPPICE_FENCED' && details?.retry !== true) throw error;
      tell(`retry ${code}`);
      await setTimeout(50);
    }
  }
}

/** What was under way when the branch was taken is told that the engine was closed. */
function ifEnded(error: CoppiceError): void {
  if (!ENDED.has(error.code)) throw error;
}

function tell(text: string): void {
  writeSync(1, `${text}\n`);
}
