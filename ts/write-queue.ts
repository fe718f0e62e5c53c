/**
 * How writes reach the engine: at once, or, when the engine has no memory left, in order as it finds some.
 *
 * A write that is applied at once costs one native call and one promise. A stalled write keeps a copy of its operations
 * here, and every later write of the handle waits behind it, so that writes keep their order. The queue is bounded;
 * beyond it writes reject with `COPPICE_BUSY`. While it holds anything the process stays alive.
 *
 * A write with values over 1 MiB waits here too, until they are on the disk: what is logged only names them.
 *
 * @module
 */

import { orAborted, throwIfAborted, unknownOutcome } from './abort.js';
import type { Encoded } from './encoding/index.js';
import { aborted, CoppiceError } from './errors.js';
import type { Emitter } from './events.js';
import { LARGE_VALUE_BYTES, QUEUED_BATCHES_MAX, QUEUED_BYTES_MAX } from './limits.js';
import { type Engine, type Refusal, type Slab, STALLED } from './native/types.js';
import type { Durability } from './options/write.js';

/** A write that is done. */
export interface Commit {
  ok: true;
  /** What every key of the write now carries. */
  revision: number;
}

/** How full the queue of waiting writes is. */
export interface Queued {
  /** 0: writes are applied at once. 1: further writes reject with `COPPICE_BUSY`. */
  ratio: number;
  /** Writes that wait for memory. */
  queuedWrites: number;
  /** Bytes of them. */
  queuedBytes: number;
}

/** What holds writes up, or is about to. */
export interface Pressure extends Queued {
  /**
   * How far compaction is behind: 0, nothing waits for it. From 0.5 on writes wait, as promises do, ever a little longer;
   * at 1 they are as slow as compaction is. No call ever blocks for it.
   */
  compaction: number;
}

interface Waiting {
  slab: Slab;
  durability: Durability;
  signal: AbortSignal | undefined;
  abort: (() => void) | undefined;
  /** Its large values, once they are being staged. */
  staged: number[] | undefined;
  whole: boolean;
  resolve: (answer: Promise<Commit> | Refusal) => void;
  reject: (error: unknown) => void;
}

export class WriteQueue {
  readonly #engine: Engine;
  readonly #events: Emitter;
  #waiting: Waiting[] = [];
  #bytes = 0;
  #keepAlive: NodeJS.Timeout | undefined;
  #whenEmpty: (() => void)[] = [];
  #spare: Slab | undefined;

  constructor(engine: Engine, events: Emitter) {
    this.#engine = engine;
    this.#events = events;
  }

  put(key: Encoded, value: Encoded, deadlineMs: number | undefined, durability: Durability): Promise<Commit> {
    // Text of so many characters may be a large value, and only the slab finds out.
    const small = value.length <= (typeof value === 'string' ? LARGE_VALUE_BYTES / 3 : LARGE_VALUE_BYTES);
    const revision = small && this.#waiting.length === 0 ? this.#engine.put(key, value, deadlineMs) : STALLED;
    if (revision !== STALLED) return this.#acknowledge(revision, 1, durability);
    const slab = this.takeSlab();
    slab.put(key, value, deadlineMs);
    return this.commit(slab, durability, undefined) as Promise<Commit>;
  }

  del(key: Encoded, durability: Durability): Promise<Commit> {
    const revision = this.#waiting.length === 0 ? this.#engine.del(key) : STALLED;
    if (revision !== STALLED) return this.#acknowledge(revision, 1, durability);
    const slab = this.takeSlab();
    slab.del(key);
    return this.#enqueue(slab, durability, undefined) as Promise<Commit>;
  }

  /** Commits a slab from `takeSlab` and takes it back, whatever comes of it. Without checks it never refuses. */
  commit(slab: Slab, durability: Durability, signal: AbortSignal | undefined): Promise<Commit | Refusal> {
    const ops = slab.length;
    let answer: number | Refusal;
    try {
      throwIfAborted(signal, 'the write');
      answer = this.#waiting.length === 0 && slab.large.length === 0 ? this.#engine.commit(slab) : STALLED;
    } catch (error) {
      this.giveBack(slab);
      throw error;
    }
    if (answer === STALLED) return this.#enqueue(slab, durability, signal);
    this.giveBack(slab);
    if (typeof answer !== 'number') return Promise.resolve(answer);
    return this.#acknowledge(answer, ops, durability, signal);
  }

  /** An empty slab, for `commit` or `giveBack`. */
  takeSlab(): Slab {
    const slab = this.#spare ?? this.#engine.slab();
    this.#spare = undefined;
    return slab;
  }

  giveBack(slab: Slab): void {
    slab.clear();
    this.#spare = slab;
  }

  /** Tries the waiting writes again: there is room, or a failure that they have to hear of. */
  drain(): void {
    let done = 0;
    while (done < this.#waiting.length && this.#retry(this.#waiting[done] as Waiting)) done++;
    this.#waiting.splice(0, done);
    if (this.#waiting.length === 0) this.#emptied();
  }

  /** Resolves when no write waits any more. */
  empty(): Promise<void> {
    if (this.#waiting.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenEmpty.push(resolve));
  }

  queued(): Queued {
    const queuedWrites = this.#waiting.length;
    const ratio = Math.min(1, Math.max(queuedWrites / QUEUED_BATCHES_MAX, this.#bytes / QUEUED_BYTES_MAX));
    return { ratio, queuedWrites, queuedBytes: this.#bytes };
  }

  #acknowledge(revision: number, ops: number, durability: Durability, signal?: AbortSignal): Promise<Commit> {
    if (this.#events.hearsWrites) this.#events.emit('write', { revision, ops });
    // All writes of one turn share the engine's promise; this one and what it resolves with are this write's own.
    const settled = this.#engine.settle(revision, durability).then((): Commit => ({ ok: true, revision }));
    return signal === undefined ? settled : orAborted(settled, signal, () => unknownOutcome(signal, revision));
  }

  #enqueue(slab: Slab, durability: Durability, signal: AbortSignal | undefined): Promise<Commit | Refusal> {
    if (this.#waiting.length >= QUEUED_BATCHES_MAX || this.#bytes + slab.bytes > QUEUED_BYTES_MAX) {
      const queued = `${this.#waiting.length} writes of ${this.#bytes} bytes wait already`;
      this.giveBack(slab);
      throw new CoppiceError(
        'BUSY',
        `the engine has no memory left and ${queued}: nothing was written, try again later`,
      );
    }
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        slab,
        durability,
        signal,
        abort: undefined,
        staged: undefined,
        whole: slab.large.length === 0,
        resolve,
        reject,
      };
      if (signal !== undefined) {
        waiting.abort = () => this.#giveUp(waiting, signal);
        signal.addEventListener('abort', waiting.abort, { once: true });
      }
      this.#waiting.push(waiting);
      this.#bytes += slab.bytes;
      // The engine's own events do not hold the process open; a promise that somebody waits for must.
      this.#keepAlive ??= setInterval(() => {}, 2 ** 30);
      if (this.#waiting.length === 1 && !waiting.whole) this.#stage(waiting);
    });
  }

  /** Answers whether the write is settled: applied, refused or failed. */
  #retry(waiting: Waiting): boolean {
    const { slab, durability, signal } = waiting;
    const ops = slab.length;
    if (!waiting.whole) {
      this.#stage(waiting);
      return false;
    }
    try {
      const answer = this.#engine.commit(slab, waiting.staged);
      if (answer === STALLED) return false;
      this.#forget(waiting);
      waiting.resolve(typeof answer === 'number' ? this.#acknowledge(answer, ops, durability, signal) : answer);
    } catch (error) {
      this.#forget(waiting);
      waiting.reject(error);
    }
    return true;
  }

  /** Writes the large values of the foremost write to the disk, then tries that write. */
  async #stage(waiting: Waiting): Promise<void> {
    if (waiting.staged !== undefined) return;
    const staged: number[] = [];
    waiting.staged = staged;
    try {
      for (const { value } of waiting.slab.large.slice()) {
        staged.push(await this.#engine.stage(value));
        if (!this.#waiting.includes(waiting)) return this.#unstage(staged);
      }
      waiting.whole = true;
    } catch (error) {
      if (!this.#waiting.includes(waiting)) return this.#unstage(staged);
      this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
      this.#forget(waiting);
      waiting.reject(error);
    }
    this.drain();
  }

  #unstage(staged: readonly number[]): void {
    for (const large of staged) this.#engine.unstage(large);
  }

  #giveUp(waiting: Waiting, signal: AbortSignal): void {
    this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
    this.#forget(waiting);
    waiting.reject(aborted(signal, 'a write that waited for memory'));
    this.drain();
  }

  #forget(waiting: Waiting): void {
    this.#bytes -= waiting.slab.bytes;
    this.giveBack(waiting.slab);
    this.#unstage(waiting.staged ?? []);
    if (waiting.abort !== undefined) waiting.signal?.removeEventListener('abort', waiting.abort);
  }

  #emptied(): void {
    clearInterval(this.#keepAlive);
    this.#keepAlive = undefined;
    for (const resolve of this.#whenEmpty.splice(0)) resolve();
  }
}
