/**
 * One engine's run at the large benchmark, in a process of its own: fill, puts, then cold gets and a scan.
 *
 * @module
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { key, shuffled, Values } from '../data.js';
import type { Store } from '../engines/engine.js';
import { engines } from '../engines/index.js';
import { files, folderBytes } from '../files.js';
import { inFlight, type Latency, percentiles } from '../measure.js';
import { load, someKeys, VALUE_BYTES } from '../questions/question.js';
import { Sink } from '../sink.js';

export interface Task {
  engine: string;
  folder: string;
  keys: number;
  memoryBytes: number;
}

export interface Result {
  /** Rows a second, in batches. */
  fill: number;
  /** Operations a second, single ones with 64 in flight, when most keys are there already. */
  put: number;
  putLatency: Latency;
  /** The longest time between a put's call and its answer, in milliseconds. */
  putMsMax: number;
  /** The longest time that the call itself kept the JavaScript thread, in milliseconds. */
  callMsMax: number;
  /** Operations a second, 64 in flight, nothing in memory at first. */
  get: number;
  getLatency: Latency;
  /** Rows a second. */
  scan: number;
  diskMB: number;
  /** MiB that the process took at most, above what it took before it opened the database. */
  memory: number;
}

const PUTS = 1_000_000;
const GETS = 300_000;
const WIDTH = 64;

/** What `/proc` says of this process, in MiB. */
function status(name: 'VmHWM' | 'VmRSS'): number {
  const line = new RegExp(`${name}:\\s+(\\d+)`).exec(readFileSync('/proc/self/status', 'utf8'));
  return Number(line![1]) / 1024;
}

/** The system forgets what it holds of these files in memory. */
function dropFromMemory(folder: string): void {
  execFileSync('sync');
  for (const file of files(folder)) execFileSync('dd', [`if=${file}`, 'iflag=nocache', 'count=0', 'status=none']);
}

async function timed(work: () => unknown): Promise<number> {
  const begin = performance.now();
  await work();
  return (performance.now() - begin) / 1000;
}

async function puts(store: Store, order: Uint32Array, values: Values, took: Float64Array) {
  let callMsMax = 0;
  const seconds = await timed(() =>
    inFlight(WIDTH, order.length, async (i) => {
      const begin = performance.now();
      const answer = store.put(key(order[i]!), values.at(i));
      callMsMax = Math.max(callMsMax, performance.now() - begin);
      await answer;
      took[i] = performance.now() - begin;
    }),
  );
  return {
    rate: order.length / seconds,
    latency: percentiles(took),
    msMax: took.reduce((a, b) => Math.max(a, b), 0),
    callMsMax,
  };
}

async function gets(store: Store, keyOf: (i: number) => string, sink: Sink, took: Float64Array) {
  const seconds = await timed(() =>
    inFlight(WIDTH, took.length, async (i) => {
      const begin = performance.now();
      sink.value(await store.getAsync!(keyOf(i)));
      took[i] = performance.now() - begin;
    }),
  );
  return { rate: GETS / seconds, latency: percentiles(took) };
}

async function run({ engine: name, folder, keys, memoryBytes }: Task): Promise<Result> {
  const engine = engines.find((engine) => engine.name === name)!;
  const open = () =>
    engine.open(folder, {
      durability: 'process',
      cacheBytes: memoryBytes / 2,
      memtableBytes: memoryBytes / 4,
      text: false,
    });
  const order = shuffled(keys);
  const bulk = order.subarray(0, Math.max(0, keys - PUTS));
  const single = order.subarray(bulk.length);
  const wanted = someKeys(shuffled(keys, 5));
  const values = new Values(VALUE_BYTES);
  const sink = new Sink();
  // What the measuring itself takes is there, and touched, before memory is looked at.
  const putsTook = new Float64Array(single.length).fill(1);
  const getsTook = new Float64Array(GETS).fill(1);
  globalThis.gc?.();
  const before = status('VmRSS');

  let store = await open();
  const fill = await load(store, bulk, values);
  const put = await puts(store, single, values, putsTook);
  await store.close();
  const diskMB = folderBytes(folder) / 1e6;

  dropFromMemory(folder);
  store = await open();
  const get = await gets(store, wanted, sink, getsTook);
  if (sink.missing > 0) throw new Error(`${sink.missing} of ${GETS} keys were not found`);
  let rows = 0;
  const seconds = await timed(() =>
    store.scan((key, value) => {
      rows++;
      sink.row(key, value);
    }),
  );
  if (rows !== keys) throw new Error(`a scan met ${rows} rows of ${keys}`);
  const memory = status('VmHWM') - before;
  await store.close();
  return {
    fill,
    put: put.rate,
    putLatency: put.latency,
    putMsMax: put.msMax,
    callMsMax: put.callMsMax,
    get: get.rate,
    getLatency: get.latency,
    scan: rows / seconds,
    diskMB,
    memory,
  };
}

process.once('message', (task: Task) => {
  run(task)
    .catch((error: unknown) => ({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }))
    .then((answer) => process.send!(answer, () => process.exit()));
});
