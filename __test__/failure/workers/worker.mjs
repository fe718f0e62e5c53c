// A worker that keeps a database busy in every way at once until it ends, as it was told to or by being terminated.
// Plain JavaScript over the compiled package: a loader for TypeScript would cost each worker more than its work.

import { parentPort, workerData } from 'node:worker_threads';
import { open } from '../../../dist/index.js';

/** Writes after which a worker that ends by itself does so. */
const WRITES_BEFORE_END = 200;

const { path, options, slot, seed, end, acknowledged } = workerData;
const counts = new Int32Array(acknowledged);
const db = await open(path, options);
const kept = [];
let state = seed;
let stopped = false;

for (const loop of [write, writeInBatches, read, iterate, keep]) loop().catch(fail);
while (counts[slot] < 3) await turn();
parentPort.postMessage('busy');
if (end !== 'terminated') await ends();

async function ends() {
  while (counts[slot] < WRITES_BEFORE_END) await turn();
  if (end === 'exits') process.exit(0);
  if (end === 'throws') throw new Error('thrown on purpose');
  stopped = true;
  if (end === 'closes') db.close().catch(() => {});
}

/** Key `n` of this worker is written before key `n + 1`: after its end there is no gap. */
async function write() {
  for (let n = 1; !stopped; n++) {
    const level = n % 16 === 0 ? 'disk' : 'process';
    const put = db.put(`w/${slot}/${String(n).padStart(8, '0')}`, `value ${n} `.repeat(8), { durability: level });
    if (n % 8 !== 0) put.catch(fail);
    else await put;
    if (n % 8 === 0) Atomics.store(counts, slot, n);
    if (n % 64 === 0) await turn();
  }
}

async function writeInBatches() {
  for (let n = 0; !stopped; n++) {
    const key = `b/${slot}/${random(100)}`;
    const seen = await db.getEntry(key);
    await db
      .batch()
      .check({ key, revision: seen?.revision ?? null })
      .put(key, `${n}`)
      .del(`${key}-`)
      .write();
    db.batch([
      { type: 'put', key: `b/${slot}/a`, value: `${n}`, ttl: '1s' },
      { type: 'put', key: `b/${slot}/b`, value: 'x'.repeat(random(6_000)) },
    ]).catch(fail);
    await turn();
  }
}

async function read() {
  while (!stopped) {
    db.getSync(`b/${slot}/b`);
    await db.get(`w/${slot}/${String(random(1_000)).padStart(8, '0')}`);
    await db.getMany([`b/${slot}/a`, `b/${slot}/b`, 'absent']);
    await turn();
  }
}

async function iterate() {
  while (!stopped) {
    const snapshot = db.snapshot();
    for (const [key] of db.entries({ prefix: 'w/', limit: 100, snapshot })) if (key === '') break;
    const range = db.records({ reverse: true, batchSize: 10 });
    await range[Symbol.asyncIterator]().next();
    // Some are never closed.
    if (kept.length < 50) kept.push(snapshot, range);
    else snapshot.close();
    let rows = 0;
    for await (const _ of db.keys()) if (++rows === 2_000) break;
    await turn();
  }
}

async function keep() {
  while (!stopped) {
    const slow = [db.flush(), db.compact({ range: { prefix: 'b/' } }), db.verify(), db.waitFor(db.revision, 'disk')];
    for (const result of await Promise.allSettled(slow)) if (result.status === 'rejected') fail(result.reason);
    db.stats();
    await turn();
  }
}

/** A call may find the database closed only if this worker closed it. */
function fail(error) {
  if (!(stopped && error.code === 'COPPICE_CLOSED'))
    parentPort.postMessage({ failed: `${error.code} ${error.message}` });
}

function turn() {
  return new Promise((resolve) => setImmediate(resolve));
}

function random(below) {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
}
