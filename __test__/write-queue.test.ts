import test from 'ava';
import { CoppiceError } from '../ts/errors.js';
import { Emitter } from '../ts/events.js';
import { type Bytes, type Engine, type Refusal, type Slab, STALLED } from '../ts/native/types.js';
import { WriteQueue } from '../ts/write-queue.js';
import { refuses } from './support/errors.js';

/**
 * As much of an engine as the queue asks for. The real one stalls when its memory is full and compaction is behind,
 * which no test can bring about at a chosen write.
 */
class StallingEngine {
  stalled = false;
  failure: CoppiceError | undefined;
  readonly written: string[] = [];

  put(key: Bytes): number {
    return this.#write([String(key)]);
  }

  del(key: Bytes): number {
    return this.#write([`-${String(key)}`]);
  }

  commit(slab: Slab): number | Refusal {
    return this.#write((slab as unknown as TextSlab).ops);
  }

  slab(): TextSlab {
    return new TextSlab();
  }

  settle(): Promise<void> {
    return Promise.resolve();
  }

  #write(ops: string[]): number {
    if (this.failure !== undefined) throw this.failure;
    if (this.stalled) return STALLED;
    this.written.push(...ops);
    return this.written.length + 1;
  }
}

class TextSlab {
  ops: string[] = [];
  bytes = 32;
  readonly large = [];

  put(key: string, value: string): void {
    this.ops.push(key);
    this.bytes += value.length;
  }

  del(key: string): void {
    this.ops.push(`-${key}`);
  }

  clear(): void {
    this.ops = [];
    this.bytes = 32;
  }

  get length(): number {
    return this.ops.length;
  }
}

function stalledQueue(): { engine: StallingEngine; queue: WriteQueue } {
  const engine = new StallingEngine();
  engine.stalled = true;
  return { engine, queue: new WriteQueue(engine as unknown as Engine, new Emitter()) };
}

function batch(queue: WriteQueue, keys: string[], signal?: AbortSignal): Promise<unknown> {
  const slab = queue.takeSlab();
  for (const key of keys) slab.put(key, '');
  return queue.commit(slab, 'process', signal);
}

test('stalled writes are applied in the order of their calls, also those that found room', async (t) => {
  const { engine, queue } = stalledQueue();
  const writes = [queue.put('a', '', undefined, 'process'), queue.del('b', 'process'), batch(queue, ['c', 'd'])];
  engine.stalled = false;
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
  const put = engine.commit.bind(engine);
  engine.stalled = false;
  engine.commit = (slab) => (engine.written.length < 4 ? put(slab) : STALLED);
  queue.drain();
  t.is(queue.queued().queuedWrites, 6);
  engine.commit = put;
  queue.drain();
  t.deepEqual(engine.written, ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
  await Promise.all(writes);
});

test('beyond 4,096 waiting writes further ones are refused, and there is room again after a drain', async (t) => {
  const { engine, queue } = stalledQueue();
  const writes = Array.from({ length: 4_096 }, (_, i) => queue.put(String(i), '', undefined, 'process'));
  t.is(queue.queued().ratio, 1);
  await refuses(t, 'COPPICE_BUSY', () => queue.put('x', '', undefined, 'process'), /nothing was written, try again/);
  engine.stalled = false;
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
  engine.stalled = false;
  queue.drain();
  await Promise.all(writes);
  t.deepEqual(engine.written, ['0', '1', '2', 'small']);
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
  engine.stalled = false;
  queue.drain();
  await Promise.all([first, third]);
  t.deepEqual(engine.written, ['a', 'c']);
});

test('empty resolves when the last waiting write is settled', async (t) => {
  const { engine, queue } = stalledQueue();
  await new WriteQueue(engine as unknown as Engine, new Emitter()).empty();
  const write = queue.put('a', '', undefined, 'process');
  let empty = false;
  const waiting = queue.empty().then(() => {
    empty = true;
  });
  await null;
  t.false(empty);
  engine.stalled = false;
  queue.drain();
  await waiting;
  t.true(empty);
  await write;
});
