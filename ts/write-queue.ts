/**
 * How writes reach the engine: at once, or in order, when the engine has no memory left or values over 1 MiB come first.
 *
 * A write that is applied at once costs one native call and one promise. A stalled write keeps a copy of its operations
 * here, and every later write of the handle waits behind it, so that writes keep their order. The queue is bounded;
 * beyond it writes reject with `COPPICE_BUSY`. While it holds anything the process stays alive.
 *
 * A write with values over 1 MiB waits here too, until they are on the disk: what is logged only names them.
 * With history a write waits here while another thread makes the commit, if what there was has to be read from the disk, or a
 * range walked, for it.
 *
 * @module
 */

import { orAborted, throwIfAborted, unknownOutcome } from './abort.js';
import type { Encoded } from './encoding/index.js';
import { aborted, CoppiceError } from './errors.js';
import type { Emitter } from './events.js';
import { LARGE_VALUE_BYTES, QUEUED_BATCHES_MAX, QUEUED_BYTES_MAX } from './limits.js';
import {
  type CommitAnswer,
  type Engine,
  LATER,
  type LargeOp,
  type Refusal,
  type Slab,
  STALLED,
} from './native/types.js';
import type { Durability } from './options/write.js';
import type { Turns } from './turns.js';

/** A write that is done. */
export interface Commit {
  ok: true;
  /** What every key of the write now carries. */
  revision: number;
  /** With history, of a write with range deletes: how many keys had a value that these have taken. */
  deleted?: number;
}

/** How full the queue of waiting writes is. */
export interface Queued {
  /** 0: writes are applied at once. 1: further writes reject with `COPPICE_BUSY`. With a `store`, also of `unshippedBytesMax`. */
  ratio: number;
  /** Writes that wait: for memory, for values over 1 MiB to be on the disk, or behind another that does. */
  queuedWrites: number;
  /** Bytes of them, without values over 1 MiB. */
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
  readonly slab: Slab;
  readonly durability: Durability;
  readonly signal: AbortSignal | undefined;
  readonly onAbort: () => void;
  /** Its large values that are on the disk. */
  readonly staged: number[];
  /** Whether the next of them is on its way there. */
  staging: boolean;
  /** Whether another thread has to make the commit, and whether it does. */
  later: boolean;
  committing: boolean;
  /** Whether the other thread is to try again should it have found no memory. */
  again: boolean;
  readonly resolve: (answer: Promise<Commit | Refusal>) => void;
  readonly reject: (error: unknown) => void;
}

/** Resolves when a commit is as durable as that. */
type Settle = (revision: number, durability: Durability) => Promise<void>;

/** What there is too much of before more may be written. */
export interface Bound {
  readonly bytes: number;
  readonly bytesMax: number;
  /** At 1 writes are refused. */
  readonly ratio: number;
  /** How much later writes resolve. */
  readonly delayMs: number;
}

export class WriteQueue {
  readonly #engine: Engine;
  readonly #events: Emitter;
  readonly #turns: Turns;
  readonly #settle: Settle;
  readonly #bound: Bound | undefined;
  /** The newest commit of this handle. It may not be visible yet. */
  newest = 0;
  /** In the order of their calls. */
  readonly #waiting = new Set<Waiting>();
  #bytes = 0;
  #draining = false;
  #keepAlive: NodeJS.Timeout | undefined;
  #whenEmpty: (() => void)[] = [];
  #ended: CoppiceError | undefined;
  #spare: Slab | undefined;

  constructor(engine: Engine, events: Emitter, turns: Turns, settle: Settle, bound?: Bound) {
    this.#engine = engine;
    this.#events = events;
    this.#turns = turns;
    this.#settle = settle;
    this.#bound = bound;
  }

  put(key: Encoded, value: Encoded, deadlineMs: number | undefined, durability: Durability): Promise<Commit> {
    this.#admit();
    // Text of so many characters may be a large value, and only the slab finds out.
    const small = value.length <= (typeof value === 'string' ? LARGE_VALUE_BYTES / 3 : LARGE_VALUE_BYTES);
    const revision = small && this.#waiting.size === 0 ? this.#engine.put(key, value, deadlineMs) : STALLED;
    if (revision > 0) return this.#acknowledge(revision, 1, durability);
    const slab = this.takeSlab();
    slab.put(key, value, deadlineMs);
    if (revision === LATER) return this.#enqueue(slab, durability, undefined, true) as Promise<Commit>;
    return this.commit(slab, durability, undefined) as Promise<Commit>;
  }

  del(key: Encoded, durability: Durability): Promise<Commit> {
    this.#admit();
    const revision = this.#waiting.size === 0 ? this.#engine.del(key) : STALLED;
    if (revision > 0) return this.#acknowledge(revision, 1, durability);
    const slab = this.takeSlab();
    slab.del(key);
    return this.#enqueue(slab, durability, undefined, revision === LATER) as Promise<Commit>;
  }

  /** Commits a slab from `takeSlab` and takes it back, whatever comes of it. Without checks it never refuses. */
  commit(slab: Slab, durability: Durability, signal: AbortSignal | undefined): Promise<Commit | Refusal> {
    const ops = slab.length;
    let answer: number | Refusal;
    try {
      throwIfAborted(signal, 'the write');
      this.#admit();
      answer = this.#waiting.size === 0 && slab.large.length === 0 ? this.#engine.commit(slab) : STALLED;
    } catch (error) {
      this.giveBack(slab);
      throw error;
    }
    if (answer === STALLED || answer === LATER) return this.#enqueue(slab, durability, signal, answer === LATER);
    this.giveBack(slab);
    if (typeof answer !== 'number') return this.#refused(answer, durability);
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

  /**
   * Tries the waiting writes again: there is room, a value is on the disk, or there is a failure that they have to hear
   * of. Each has left the queue before anybody hears of it; listeners may call anything, this too.
   */
  drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    for (const waiting of this.#waiting) if (!this.#settles(waiting)) break;
    this.#draining = false;
    if (this.#waiting.size === 0) this.#emptied();
  }

  /** Has whatever waits, and is not being made already, fail: the engine is about to be closed beneath it. */
  end(error: CoppiceError): void {
    this.#ended = error;
    for (const waiting of this.#waiting) if (!waiting.committing) this.#fail(waiting, error);
    this.drain();
  }

  /** Resolves when no write waits any more. */
  empty(): Promise<void> {
    if (this.#waiting.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenEmpty.push(resolve));
  }

  queued(): Queued {
    const queuedWrites = this.#waiting.size;
    const waiting = Math.max(queuedWrites / QUEUED_BATCHES_MAX, this.#bytes / QUEUED_BYTES_MAX);
    const ratio = Math.min(1, Math.max(waiting, this.#bound?.ratio ?? 0));
    return { ratio, queuedWrites, queuedBytes: this.#bytes };
  }

  #acknowledge(
    revision: number,
    ops: number,
    durability: Durability,
    signal?: AbortSignal,
    deleted?: number,
  ): Promise<Commit> {
    if (revision > this.newest) this.newest = revision;
    if (this.#events.hearsWrites) this.#events.emit('write', { revision, ops });
    // All writes of one turn share the engine's promise; this one and what it resolves with are this write's own.
    const settled = this.#settled(revision, durability).then((): Commit => {
      return deleted === undefined ? { ok: true, revision } : { ok: true, revision, deleted };
    });
    return signal === undefined ? settled : orAborted(settled, signal, () => unknownOutcome(signal, revision));
  }

  #settled(revision: number, durability: Durability): Promise<void> {
    const settled = this.#settle(revision, durability);
    const delayMs = this.#bound?.delayMs ?? 0;
    if (delayMs === 0) {
      const turned = this.#turns.due();
      return turned === undefined ? settled : settled.then(() => turned);
    }
    return settled.then(() => new Promise((resolve) => setTimeout(resolve, delayMs)));
  }

  /** Refuses a write while there is too much already. */
  #admit(): void {
    if (this.#bound === undefined || this.#bound.ratio < 1) return;
    const { bytes, bytesMax } = this.#bound;
    const message = `${bytes} bytes of log are on this disk only, and unshippedBytesMax is ${bytesMax}: nothing was written, try again when the store has caught up`;
    throw new CoppiceError('BUSY', message, { details: { option: 'unshippedBytesMax' } });
  }

  /** What a guard met may not be in the store yet, and could be taken back: nobody is told of it before. */
  async #refused(refusal: Refusal, durability: Durability): Promise<Refusal> {
    const met = Math.max(0, ...refusal.conflicts.map(({ revision }) => revision ?? 0));
    if (durability === 'remote' && met > 0) await this.#settle(met, durability);
    return refusal;
  }

  #enqueue(
    slab: Slab,
    durability: Durability,
    signal: AbortSignal | undefined,
    later = false,
  ): Promise<Commit | Refusal> {
    if (this.#waiting.size >= QUEUED_BATCHES_MAX || this.#bytes + slab.bytes > QUEUED_BYTES_MAX) {
      this.giveBack(slab);
      throw this.#busy();
    }
    return new Promise((resolve, reject) => {
      const onAbort = () => this.#giveUp(waiting);
      const waiting: Waiting = {
        slab,
        durability,
        signal,
        onAbort,
        staged: [],
        staging: false,
        later,
        committing: false,
        again: false,
        resolve,
        reject,
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiting.add(waiting);
      this.#bytes += slab.bytes;
      // The engine's own events do not hold the process open; a promise that somebody waits for must.
      this.#keepAlive ??= setInterval(() => {}, 2 ** 30);
      if (this.#waiting.size === 1 && this.#isWhole(waiting) && later) this.#commitLater(waiting);
    });
  }

  #busy(): CoppiceError {
    const [first] = this.#waiting;
    const staging = first !== undefined && this.#nextLarge(first) !== undefined;
    const reading = first?.committing ? 'until what it replaces was read' : 'until the engine has memory';
    const awaited = staging ? 'until its large values are on the disk' : reading;
    const queued = `${this.#waiting.size} writes of ${this.#bytes} bytes wait already, the first ${awaited}`;
    return new CoppiceError('BUSY', `${queued}: nothing was written, try again later`);
  }

  /** Answers whether the foremost write is settled: applied, refused or failed. */
  #settles(waiting: Waiting): boolean {
    const { slab, durability, signal, staged } = waiting;
    if (signal?.aborted && !waiting.committing) {
      // Another listener of the same signal came first, and drains.
      this.#giveUp(waiting);
      return true;
    }
    if (!this.#isWhole(waiting)) return false;
    if (waiting.later) {
      this.#commitLater(waiting);
      return false;
    }
    const ops = slab.length;
    let answer: number | Refusal;
    try {
      answer = this.#engine.commit(slab, staged);
    } catch (error) {
      this.#fail(waiting, error);
      return true;
    }
    if (answer === STALLED) return false;
    if (answer === LATER) {
      waiting.later = true;
      this.#commitLater(waiting);
      return false;
    }
    this.#leave(waiting);
    waiting.resolve(
      typeof answer === 'number'
        ? this.#acknowledge(answer, ops, durability, signal)
        : this.#refused(answer, durability),
    );
    return true;
  }

  /** Has another thread commit the foremost write. */
  async #commitLater(waiting: Waiting): Promise<void> {
    waiting.again = true;
    if (waiting.committing) return;
    const { slab, durability, signal, staged } = waiting;
    const ops = slab.length;
    waiting.committing = true;
    try {
      let found: CommitAnswer = { answer: STALLED, deleted: undefined };
      // That there is room may be told before that there was none.
      while (found.answer === STALLED && waiting.again) {
        waiting.again = false;
        found = await this.#engine.commitLater(slab, staged);
      }
      waiting.committing = false;
      const { answer, deleted } = found;
      if (answer === STALLED) return;
      this.#leave(waiting);
      const isDone = typeof answer === 'number';
      waiting.resolve(
        isDone ? this.#acknowledge(answer, ops, durability, signal, deleted) : this.#refused(answer, durability),
      );
    } catch (error) {
      this.#fail(waiting, error);
    }
    this.drain();
  }

  /** Whether all large values of the foremost write are on the disk. If not, the next one is on its way from now on. */
  #isWhole(waiting: Waiting): boolean {
    const next = this.#nextLarge(waiting);
    if (next !== undefined && !waiting.staging) this.#stage(waiting, next.value);
    return next === undefined;
  }

  #nextLarge({ slab, staged }: Waiting): LargeOp | undefined {
    return slab.large[staged.length];
  }

  async #stage(waiting: Waiting, value: Uint8Array): Promise<void> {
    waiting.staging = true;
    try {
      waiting.staged.push(await this.#engine.stage(value));
      waiting.staging = false;
      if (!this.#waiting.has(waiting)) this.#unstage(waiting);
    } catch (error) {
      this.#fail(waiting, error);
    }
    this.drain();
  }

  #giveUp(waiting: Waiting): void {
    // What another thread is about to log is told of as logged.
    if (waiting.committing) return;
    this.#fail(waiting, aborted(waiting.signal as AbortSignal, 'a write that waited its turn'));
    this.drain();
  }

  #fail(waiting: Waiting, error: unknown): void {
    if (this.#leave(waiting)) waiting.reject(this.#ended ?? error);
  }

  /** Answers whether it had not left before. */
  #leave(waiting: Waiting): boolean {
    if (!this.#waiting.delete(waiting)) return false;
    this.#bytes -= waiting.slab.bytes;
    this.giveBack(waiting.slab);
    this.#unstage(waiting);
    waiting.signal?.removeEventListener('abort', waiting.onAbort);
    return true;
  }

  #unstage(waiting: Waiting): void {
    for (const large of waiting.staged.splice(0)) this.#engine.unstage(large);
  }

  #emptied(): void {
    clearInterval(this.#keepAlive);
    this.#keepAlive = undefined;
    for (const resolve of this.#whenEmpty.splice(0)) resolve();
  }
}
