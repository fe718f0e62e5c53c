import test from 'ava';
import { CoppiceError } from '../ts/errors.js';
import { Emitter } from '../ts/events.js';
import {
  type Bytes,
  type CommitAnswer,
  type Engine,
  LATER,
  type LargeOp,
  type Refusal,
  type Slab,
  STALLED,
} from '../ts/native/types.js';
import { Turns } from '../ts/turns.js';
import { WriteQueue } from '../ts/write-queue.js';
import { refuses } from './support/errors.js';

/**
 * As much of an engine as the queue asks for. The real one stalls when its memory is full and compaction is behind,
 * which no test can bring about at a chosen write.
 */
class StallingEngine {
  /** Writes that there is memory for. */
  room = Number.POSITIVE_INFINITY;
  /** Answers that what there was has to be read first. */
  later = false;
  failure: CoppiceError | undefined;
  readonly written: string[] = [];
  /** Ends the staging of each large value that is on its way to the disk, in order. */
  readonly staging: (() => void)[] = [];
  /** Large values that were staged and not let go of. */
  readonly staged = new Set<number>();

  put(key: Bytes): number {
    return this.#write([String(key)]);
  }

  del(key: Bytes): number {
    return this.#write([`-${String(key)}`]);
  }

  commit(slab: Slab): number | Refusal {
    return this.#write((slab as unknown as TextSlab).ops);
  }

  async commitLater(slab: Slab): Promise<CommitAnswer> {
    const { ops } = slab as unknown as TextSlab;
    const hasRoom = this.room > 0;
    await turn();
    if (this.failure !== undefined) throw this.failure;
    if (!hasRoom) return { answer: STALLED, deleted: undefined };
    this.written.push(...ops.map((op) => `later ${op}`));
    return { answer: this.written.length + 1, deleted: ops.length };
  }

  slab(): TextSlab {
    return new TextSlab();
  }

  settle(): Promise<void> {
    return Promise.resolve();
  }

  async stage(value: Uint8Array): Promise<number> {
    await new Promise<void>((resolve) => this.staging.push(resolve));
    const number = value[0] as number;
    this.staged.add(number);
    return number;
  }

  unstage(large: number): void {
    this.staged.delete(large);
  }

  #write(ops: string[]): number {
    if (this.failure !== undefined) throw this.failure;
    if (this.room === 0) return STALLED;
    if (this.later) return LATER;
    this.room--;
    this.written.push(...ops);
    return this.written.length + 1;
  }
}

class TextSlab {
  ops: string[] = [];
  bytes = 32;
  large: LargeOp[] = [];

  put(key: string, value: Bytes): void {
    if (typeof value !== 'string') this.large.push({ op: this.ops.length, value });
    else this.bytes += value.length;
    this.ops.push(key);
  }

  del(key: string): void {
    this.ops.push(`-${key}`);
  }

  clear(): void {
    this.ops = [];
    this.large = [];
    this.bytes = 32;
  }

  get length(): number {
    return this.ops.length;
  }
}

function queueOf(engine: StallingEngine, events = new Emitter()): WriteQueue {
  return new WriteQueue(engine as unknown as Engine, events, new Turns(), () => engine.settle());
}

function stalledQueue(): { engine: StallingEngine; queue: WriteQueue; events: Emitter } {
  const [engine, events] = [new StallingEngine(), new Emitter()];
  engine.room = 0;
  return { engine, events, queue: queueOf(engine, events) };
}

function batch(queue: WriteQueue, keys: string[], signal?: AbortSignal): Promise<unknown> {
  const slab = queue.takeSlab();
  for (const key of keys) slab.put(key, '');
  return queue.commit(slab, 'process', signal);
}

/** A write of large values, each told by its number. */
function largeBatch(queue: WriteQueue, key: string, numbers: number[], signal?: AbortSignal): Promise<unknown> {
  const slab = queue.takeSlab();
  for (const number of numbers) slab.put(key, Uint8Array.of(number));
  return queue.commit(slab, 'process', signal);
}

/** What became of writes: `ok` or the code of the error. */
async function outcomes(writes: Promise<unknown>[]): Promise<string[]> {
  const settled = await Promise.allSettled(writes);
  return settled.map((write) => (write.status === 'fulfilled' ? 'ok' : (write.reason as CoppiceError).code));
}

/** Lets the promises that are resolved already have their turn. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

test('stalled writes are applied in the order of their calls, also those that found room', async (t) => {
  const { engine, queue } = stalledQueue();
  const writes = [queue.put('a', '', undefined, 'process'), queue.del('b', 'process'), batch(queue, ['c', 'd'])];
  engine.room = Number.POSITIVE_INFINITY;
  writes.push(queue.put('e', '', undefined, 'process'), batch(queue, ['f']));
  t.deepEqual(engine.written, []);
  queue.drain();
  t.deepEqual(engine.written, ['a', '-b', 'c', 'd', 'e', 'f']);
  await Promise.all(writes);
  await queue.put('g', '', undefined, 'process');
  t.is(engine.written.at(-1), 'g');
  t.deepEqual(queue.queued(), { ratio: 0, queuedWrites: 0, queuedBytes: 0 });
});

test('a queue that stalls again in the middle keeps the rest', async (t) => {
  const { engine, queue } = stalledQueue();
  const writes = Array.from({ length: 10 }, (_, i) => queue.put(String(i), '', undefined, 'process'));
  engine.room = 4;
  queue.drain();
  t.is(queue.queued().queuedWrites, 6);
  engine.room = Number.POSITIVE_INFINITY;
  queue.drain();
  t.deepEqual(engine.written, ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
  await Promise.all(writes);
});

test('beyond 4,096 waiting writes further ones are refused, and there is room again after a drain', async (t) => {
  const { engine, queue } = stalledQueue();
  const writes = Array.from({ length: 4_096 }, (_, i) => queue.put(String(i), '', undefined, 'process'));
  t.is(queue.queued().ratio, 1);
  await refuses(t, 'COPPICE_BUSY', () => queue.put('x', '', undefined, 'process'), /nothing was written, try again/);
  engine.room = Number.POSITIVE_INFINITY;
  queue.drain();
  await Promise.all(writes);
  await queue.put('y', '', undefined, 'process');
  t.false(engine.written.includes('x'));
});

test('beyond 64 MiB of waiting writes further ones are refused', async (t) => {
  const { engine, queue } = stalledQueue();
  const value = 'v'.repeat(16 << 20);
  const writes = [0, 1, 2].map((i) => queue.put(String(i), value, undefined, 'process'));
  await refuses(t, 'COPPICE_BUSY', () => queue.put('3', value, undefined, 'process'));
  writes.push(queue.put('small', '', undefined, 'process'));
  engine.room = Number.POSITIVE_INFINITY;
  queue.drain();
  await Promise.all(writes);
  t.deepEqual(engine.written, ['0', '1', '2', 'small']);
});

test('a refused write says what the first one waits for', async (t) => {
  const { engine, queue } = stalledQueue();
  const large = largeBatch(queue, 'large', [1]);
  const writes = Array.from({ length: 4_095 }, (_, i) => queue.put(String(i), '', undefined, 'process'));
  const put = () => queue.put('x', '', undefined, 'process');
  await refuses(
    t,
    'COPPICE_BUSY',
    put,
    /^4096 .* bytes wait already, the first until its large values are on the disk:/,
  );
  engine.staging.shift()?.();
  await turn();
  await refuses(t, 'COPPICE_BUSY', put, /^4096 .* bytes wait already, the first until the engine has memory:/);
  engine.room = Number.POSITIVE_INFINITY;
  queue.drain();
  await Promise.all([large, ...writes]);
});

test('a failure reaches every waiting write', async (t) => {
  const { engine, queue } = stalledQueue();
  const writes = ['a', 'b'].map((key) => queue.put(key, '', undefined, 'process'));
  engine.failure = new CoppiceError('POISONED', 'the disk is gone');
  queue.drain();
  for (const write of writes) await refuses(t, 'COPPICE_POISONED', () => write);
  await queue.empty();
});

test('a waiting write that is given up is not written, and the others keep their order', async (t) => {
  const { engine, queue } = stalledQueue();
  const controller = new AbortController();
  const first = batch(queue, ['a']);
  const second = batch(queue, ['b'], controller.signal);
  const third = batch(queue, ['c']);
  controller.abort();
  await refuses(t, 'COPPICE_ABORTED', () => second);
  engine.room = Number.POSITIVE_INFINITY;
  queue.drain();
  await Promise.all([first, third]);
  t.deepEqual(engine.written, ['a', 'c']);
});

test('a listener that aborts a waiting write, or drains, loses, repeats and reorders no other', async (t) => {
  const { engine, queue, events } = stalledQueue();
  const controller = new AbortController();
  const heard: number[] = [];
  events.on('write', () => {
    controller.abort();
    queue.drain();
  });
  events.on('write', ({ revision }) => heard.push(revision));
  const writes = ['a', 'b', 'x', 'y'].map((key) => batch(queue, [key], key === 'b' ? controller.signal : undefined));
  engine.room = 2;
  queue.drain();
  t.deepEqual(engine.written, ['a', 'x']);
  t.is(queue.queued().queuedWrites, 1);
  let empty = false;
  const waiting = queue.empty().then(() => {
    empty = true;
  });
  await turn();
  t.false(empty, 'a write still waits');
  engine.room = Number.POSITIVE_INFINITY;
  queue.drain();
  await waiting;
  t.deepEqual(await outcomes(writes), ['ok', 'COPPICE_ABORTED', 'ok', 'ok']);
  t.deepEqual(engine.written, ['a', 'x', 'y']);
  t.deepEqual(heard, [2, 3, 4]);
});

test('a write of large values that a listener gives up is not written, and nothing of it stays', async (t) => {
  const { engine, queue, events } = stalledQueue();
  const controller = new AbortController();
  events.on('write', () => controller.abort());
  engine.room = Number.POSITIVE_INFINITY;
  const writes = [
    largeBatch(queue, 'a', [1, 2]),
    largeBatch(queue, 'b', [3, 4], controller.signal),
    largeBatch(queue, 'c', [5]),
    batch(queue, ['d']),
  ];
  for (const staging of [1, 2]) {
    t.deepEqual([engine.staging.length, engine.written], [1, []], `value ${staging} alone is on its way`);
    engine.staging.shift()?.();
    await turn();
  }
  t.deepEqual([engine.staging.length, engine.written], [1, ['a', 'a']]);
  engine.staging.shift()?.();
  t.deepEqual(await outcomes(writes), ['ok', 'COPPICE_ABORTED', 'ok', 'ok']);
  t.deepEqual(engine.written, ['a', 'a', 'c', 'd']);
  t.is(engine.staging.length, 0);
  t.is(engine.staged.size, 0);
});

test('an abort that several waiting writes share reaches all of them before any is written', async (t) => {
  const { engine, queue } = stalledQueue();
  const controller = new AbortController();
  engine.room = Number.POSITIVE_INFINITY;
  const writes = [
    largeBatch(queue, 'a', [1], controller.signal),
    batch(queue, ['b'], controller.signal),
    batch(queue, ['c']),
    largeBatch(queue, 'd', [2], controller.signal),
    batch(queue, ['e']),
  ];
  controller.abort();
  t.deepEqual(await outcomes(writes), ['COPPICE_ABORTED', 'COPPICE_ABORTED', 'ok', 'COPPICE_ABORTED', 'ok']);
  t.deepEqual(engine.written, ['c', 'e']);
  await queue.empty();
  engine.staging.shift()?.();
  await turn();
  t.deepEqual([engine.staging.length, engine.staged.size], [0, 0]);
});

test('empty resolves when the last waiting write is settled', async (t) => {
  const { engine, queue } = stalledQueue();
  await queueOf(engine).empty();
  const write = queue.put('a', '', undefined, 'process');
  let empty = false;
  const waiting = queue.empty().then(() => {
    empty = true;
  });
  await null;
  t.false(empty);
  engine.room = Number.POSITIVE_INFINITY;
  queue.drain();
  await waiting;
  t.true(empty);
  await write;
});

function laterQueue(): { engine: StallingEngine; queue: WriteQueue } {
  const engine = new StallingEngine();
  engine.later = true;
  return { engine, queue: queueOf(engine) };
}

test('what another thread commits keeps its place, and later writes wait behind it', async (t) => {
  const { engine, queue } = laterQueue();
  const first = queue.put('a', '1', undefined, 'process');
  engine.later = false;
  const rest = [queue.put('b', '2', undefined, 'process'), batch(queue, ['c', 'd'])];
  t.deepEqual(engine.written, []);
  t.deepEqual(await first, { ok: true, revision: 2, deleted: 1 });
  await Promise.all(rest);
  t.deepEqual(engine.written, ['later a', 'b', 'c', 'd']);
  t.is(queue.queued().queuedWrites, 0);
});

test('what another thread finds no memory for is tried again when there is room, however early that is told', async (t) => {
  for (const early of [true, false]) {
    const { engine, queue } = laterQueue();
    const blocked = queue.put('x', '', undefined, 'process');
    const write = queue.put('a', '', undefined, 'process');
    engine.room = 0;
    await blocked;
    if (!early) await turn();
    t.deepEqual(engine.written, ['later x']);
    engine.room = Number.POSITIVE_INFINITY;
    queue.drain();
    t.deepEqual(await write, { ok: true, revision: 3, deleted: 1 });
    t.deepEqual(engine.written, ['later x', 'later a']);
  }
});

test('a failure of another thread is told to its write, and the next one goes on', async (t) => {
  const { engine, queue } = laterQueue();
  const writes = [queue.put('a', '1', undefined, 'process'), queue.put('b', '1', undefined, 'process')];
  engine.failure = new CoppiceError('TOO_LARGE', 'too many keys');
  t.deepEqual(await outcomes(writes), ['COPPICE_TOO_LARGE', 'COPPICE_TOO_LARGE']);
  t.is(queue.queued().queuedWrites, 0);
});

test('a write that another thread is committing is not given up, but its outcome is not waited for', async (t) => {
  const { engine, queue } = laterQueue();
  const signal = new AbortController();
  const writes = [batch(queue, ['a'], signal.signal), batch(queue, ['b'], signal.signal)];
  signal.abort();
  t.deepEqual(await outcomes(writes), ['COPPICE_UNKNOWN_OUTCOME', 'COPPICE_ABORTED']);
  t.deepEqual(engine.written, ['later a']);
});
