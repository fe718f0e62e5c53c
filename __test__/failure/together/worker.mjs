// A thread that makes every kind of call at once, and closes its handle in the middle of them. Each call must settle, once,
// as its kind may. Tells what it called, what came of it, and what its keys must hold: writes of one handle take effect in
// the order of their calls. Plain JavaScript over the compiled package, as `workers/worker.mjs`.

import { parentPort, workerData } from 'node:worker_threads';
import { open } from '../../../dist/index.js';
import { checkValue, fail, KEYS, keyOf, makeValue, randomOf } from './values.mjs';

/** Calls that may be under way. More are made in one turn than writes can wait, now and then. */
const CALLS_MAX = 64;
const BURST_MAX = 24;
/** On a machine that is busy with other things the time may be over before anything has happened. */
const CALLS_MIN = 200;
const LARGE_BYTES = 1 << 20;
/** One write of so many is over 1 MiB, and so are writes on the heels of one another. */
const LARGE_EVERY = 12;

const { path, options, slot, seed, useMs } = workerData;
const random = randomOf(seed);
const db = await open(path, options);
const calls = { made: 0, settled: 0, under: 0 };
const outcomes = {};
/** What was written, in the order of the calls: `[operations, whether it was applied]`. */
const writes = [];
/** Signals that something is to abort. */
const doomed = [];
/** Ranges that are begun and never ended, snapshots that are never closed. */
const kept = [];
let written = 0;
let heard = 0;
let lastHeard = 0;
let touched = 0;
let closing = false;

db.on('write', ({ revision }) => {
  if (revision <= lastHeard) fail(`revision ${revision} was told of after ${lastHeard}`);
  lastHeard = revision;
  heard++;
  if (random(4) === 0) doomed.pop()?.abort();
  if (random(64) === 0) put();
  if (random(64) === 0 && !closing) db.pressure();
});

const until = Date.now() + useMs;
while (Date.now() < until || calls.made < CALLS_MIN) {
  for (let n = random(BURST_MAX); n >= 0; n--) pick()();
  do await turn();
  while (calls.under >= CALLS_MAX);
}
// In the middle of everything.
for (let n = 0; n < BURST_MAX; n++) pick()();
const closed = db.close();
closing = true;
for (let n = 0; n < BURST_MAX; n++) pick()();
for (const controller of doomed) controller.abort();
await closed;
await settled();
check();
parentPort.postMessage({ calls: calls.made, settled: calls.settled, outcomes, expected: expected() });
parentPort.close();

/** One call of some kind; writes are most of them. */
function pick() {
  const kinds = [put, put, put, put, del, delRange, batch, batch, checked, touch, get, get, getMany, range, snapshot];
  const rare = [flush, compact, verify, waitFor, abandon];
  return random(10) === 0 ? rare[random(rare.length)] : kinds[random(kinds.length)];
}

function put() {
  const [key, value] = [ownKey(), nextValue()];
  write([{ key, number: written }], (signal) => db.put(key, value, { signal, durability: level() }));
}

function del() {
  const key = ownKey();
  write([{ key, number: undefined }], (signal) => db.del(key, { signal, durability: level() }));
}

function delRange() {
  const from = random(KEYS);
  const [gte, lt] = [keyOf(slot, from), keyOf(slot, from + 1 + random(4))];
  write([{ gte, lt }], (signal) => db.delRange({ gte, lt }, { signal, count: random(4) === 0 }));
}

function batch() {
  const ops = [];
  const changes = [];
  for (let n = random(4); n >= 0; n--) {
    const key = ownKey();
    const value = random(4) === 0 ? undefined : nextValue();
    ops.push(value === undefined ? { type: 'del', key } : { type: 'put', key, value });
    changes.push({ key, number: value === undefined ? undefined : written });
  }
  write(changes, (signal) => db.batch(ops, { signal, durability: level() }));
}

/** On a condition that may not hold when its turn comes. */
function checked() {
  if (closing) return;
  const key = ownKey();
  call('read', () => db.getEntry(key)).then((entry) => {
    if (closing) return;
    const value = nextValue();
    const conditional = db
      .batch()
      .check({ key, revision: entry?.revision ?? null })
      .put(key, value);
    write([{ key, number: written }], (signal) => conditional.write({ signal, durability: level() }));
  });
}

/** Writes what is there again, unless it was changed or deleted: what the key holds does not change. */
function touch() {
  call('touch', () => db.touch(ownKey(), null)).then((answer) => {
    if (answer !== undefined) touched++;
  });
}

function get() {
  call('read', () => db.get(ownKey())).then(checkValue);
}

function getMany() {
  call('read', () => db.getMany([ownKey(), keyOf(1 - slot, random(KEYS)), 'absent'])).then((values) =>
    values?.forEach(checkValue),
  );
}

/** Of all threads' keys, some of them to its end. */
function range() {
  call('read', async () => {
    const options = { reverse: random(2) === 0, batchSize: 1 + random(20) };
    let rows = random(3 * KEYS);
    for await (const [, value] of db.entries(options)) {
      checkValue(value);
      if (rows-- === 0) break;
    }
  });
}

/** Gives the same answer however often it is asked. */
function snapshot() {
  if (closing) return;
  const snapshot = db.snapshot();
  const keys = async () => (await snapshot.keys().toArray()).join();
  call('read', async () => {
    const before = await keys();
    await turn();
    if ((await keys()) !== before) fail('a snapshot has changed');
    snapshot.close();
  });
}

function abandon() {
  if (closing) return;
  const range = db.records({ batchSize: 1 })[Symbol.iterator]();
  kept.push(range, db.snapshot());
  checkValue(range.next().value?.value);
  if (kept.length > 20) kept.splice(0, 10);
}

function flush() {
  call('upkeep', () => db.flush());
}

function compact() {
  call('upkeep', () => db.compact({ range: { prefix: `${slot}/` } }));
}

function verify() {
  const signal = random(2) === 0 ? doom() : undefined;
  call('upkeep', () => db.verify({ signal, onProgress: () => random(2) })).then((report) => {
    if (report !== undefined && !report.ok) fail(JSON.stringify(report.problems));
  });
}

function waitFor() {
  if (!closing) call('read', () => db.waitFor(db.revision, level()));
}

/** Makes a write, on a signal or without one, and notes whether it was applied. */
function write(changes, begin) {
  const made = [changes, undefined];
  writes.push(made);
  const late = closing;
  const signal = random(4) === 0 ? doom() : undefined;
  track(late ? 'write late' : 'write', () => begin(signal)).then((answer) => {
    made[1] = answer === 'COPPICE_UNKNOWN_OUTCOME' || answer.ok === true;
  });
}

/** A call of which only the answer is wanted. */
function call(kind, begin) {
  return track(closing ? `${kind} late` : kind, begin).then((answer) =>
    typeof answer === 'string' ? undefined : answer,
  );
}

/** What a call may be answered with besides what it is asked for. */
function mayAnswer(kind, code) {
  if (kind.endsWith('late')) return code === 'COPPICE_CLOSED' || code === 'COPPICE_ABORTED';
  const codes = {
    // What writes is finished if it was called before `close`.
    write: ['COPPICE_ABORTED', 'COPPICE_UNKNOWN_OUTCOME', 'COPPICE_BUSY'],
    touch: ['COPPICE_NOT_FOUND', 'COPPICE_BUSY', 'COPPICE_CONFLICT'],
    read: ['COPPICE_CLOSED'],
    upkeep: ['COPPICE_CLOSED', 'COPPICE_ABORTED', 'COPPICE_BUSY'],
  };
  return codes[kind].includes(code);
}

/** Counts a call when it is made and each time it settles; answers what it answered, or the code that it rejected with. */
async function track(kind, begin) {
  calls.made++;
  calls.under++;
  let answer;
  try {
    answer = await begin();
  } catch (error) {
    answer = error.code;
    if (!mayAnswer(kind, error.code)) fail(`a ${kind} was answered with ${error.stack}`);
  }
  calls.settled++;
  calls.under--;
  const outcome = `${kind}: ${typeof answer === 'string' ? answer : 'ok'}`;
  outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  return answer;
}

/** A signal that is aborted soon, in one of many ways, or never; some are shared. */
function doom() {
  const shared = doomed.at(-1);
  if (shared !== undefined && random(3) === 0) return shared.signal;
  const controller = new AbortController();
  const how = random(6);
  if (how === 0) controller.abort();
  else if (how === 1) queueMicrotask(() => controller.abort());
  else if (how === 2) setImmediate(() => controller.abort());
  else if (how === 3) setTimeout(() => controller.abort(), random(20));
  else doomed.push(controller);
  return controller.signal;
}

/** Waits until every call has settled; the main thread waits for this thread only so long. */
async function settled() {
  while (calls.under > 0) await turn();
}

function check() {
  const applied = writes.filter(([, applied]) => applied).length;
  if (heard !== applied + touched) fail(`${heard} writes were told of, of ${applied} and ${touched} touches`);
}

/** What each key of this thread holds: the number of its value. */
function expected() {
  const held = new Map();
  for (const [changes, applied] of writes) {
    if (!applied) continue;
    for (const { key, number, gte, lt } of changes) {
      if (key !== undefined) held.set(key, number);
      else for (const key of held.keys()) if (key >= gte && key < lt) held.set(key, undefined);
    }
  }
  return new Map([...held].filter(([, number]) => number !== undefined));
}

function ownKey() {
  return keyOf(slot, random(KEYS));
}

function nextValue() {
  const large = random(LARGE_EVERY) === 0;
  return makeValue(slot, ++written, large ? LARGE_BYTES + 1 + random(LARGE_BYTES) : 12 + random(20_000));
}

function level() {
  return random(4) === 0 ? 'disk' : 'process';
}

function turn() {
  return new Promise((resolve) => setImmediate(resolve));
}
