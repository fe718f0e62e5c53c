/**
 * What one JavaScript thread shares with its instance of the addon: the buffer, and what is awaited from other threads.
 *
 * The buffer is relied on only from a native call to the next statement that runs foreign code: whatever is needed of it
 * is decoded or copied before anything is returned.
 *
 * @module
 */

import { CoppiceError, fromNative, type NativeFailure } from '../errors.js';
import { uncaught } from '../uncaught.js';
import {
  type Addon,
  HEADER_BYTES,
  WAKE_DONE,
  WAKE_DURABLE,
  WAKE_EVENT,
  WAKE_LOGGED,
  WAKE_PROGRESS,
  WAKE_SEAT,
} from './addon.js';
import { load } from './load.js';

const SHARED_BYTES = 256 * 1024;
/** What the addon leaves in the shared buffer for a point read; larger values come as buffers of their own. */
const POINT_BYTES_MAX = 4096;

/** Methods that every `Buffer` has and its declarations leave out. */
export interface SharedBuffer extends Buffer<SharedArrayBuffer> {
  latin1Slice(start: number, end: number): string;
  utf8Slice(start: number, end: number): string;
}

/** What an open handle hears. */
export interface Listener {
  onDurable(revision: number): void;
  onLogged(seq: number): void;
  onEvent(event: NativeEvent): void;
}

/** An event as the addon hands it over: `type` says which of the others are there. */
export interface NativeEvent {
  readonly type: string;
  readonly failure?: NativeFailure;
  readonly [field: string]: unknown;
}

interface Task {
  resolve(result: unknown): void;
  reject(error: CoppiceError): void;
  onProgress: ((done: number, total: number) => void) | undefined;
  holds: boolean;
}

export class Environment {
  readonly addon: Addon;
  /** In memory that cannot be detached, so that the address the addon keeps stays good. */
  readonly shared: SharedBuffer;
  /** Its first numbers, and its data as numbers and words. */
  readonly header: Float64Array;
  readonly numbers: Float64Array;
  readonly words: Uint32Array;
  /** Views of the first bytes of its data, by their number: making one anew would cost as much as copying. */
  readonly #views = new Array<Uint8Array | undefined>(POINT_BYTES_MAX + 1).fill(undefined);
  readonly listeners = new Map<number, Listener>();
  /** Who hears that something has changed of the seat that it is a member of. */
  readonly members = new Map<number, () => void>();
  readonly #tasks = new Map<number, Task>();
  #holds = 0;

  constructor(addon: Addon) {
    const memory = new SharedArrayBuffer(SHARED_BYTES);
    this.addon = addon;
    this.shared = Buffer.from(memory) as SharedBuffer;
    this.header = new Float64Array(memory, 0, HEADER_BYTES / Float64Array.BYTES_PER_ELEMENT);
    this.numbers = new Float64Array(memory, HEADER_BYTES);
    this.words = new Uint32Array(memory, HEADER_BYTES);
    const attached = addon.attach(this.shared, (kind, number, a, b) => this.#wake(kind, number, a, b));
    if (attached === null) throw this.failure();
  }

  /** What a native call has answered; throws why if it has failed. */
  answered<T>(answer: T | null): T {
    if (answer === null) throw this.failure();
    return answer;
  }

  /** Why the last native call answered `null`. */
  failure(): CoppiceError {
    const failure = this.addon.takeFailure();
    return failure ? fromNative(failure) : new CoppiceError('CLOSED', 'this thread is ending');
  }

  /** The first bytes of the shared buffer's data, owned by the caller. */
  copied(bytes: number): Buffer {
    const copy = Buffer.allocUnsafe(bytes);
    this.#views[bytes] ??= new Uint8Array(this.shared.buffer, HEADER_BYTES, bytes);
    copy.set(this.#views[bytes]);
    return copy;
  }

  /** Waits for a task, given what the call that starts it answered. `holds`: the process stays alive meanwhile. */
  task<T>(started: number | null, onProgress?: (done: number, total: number) => void, holds = true): Promise<T> {
    if (started === null) return Promise.reject(this.failure());
    if (holds) this.hold();
    return new Promise<T>((resolve, reject) => {
      this.#tasks.set(started, { resolve: resolve as Task['resolve'], reject, onProgress, holds });
    });
  }

  /** Keeps the event loop alive until as many calls of `release`. */
  hold(): void {
    if (this.#holds++ === 0) this.addon.hold(1);
  }

  release(): void {
    if (--this.#holds === 0) this.addon.hold(0);
  }

  #wake(kind: number, number: number, a: unknown, b: unknown): void {
    switch (kind) {
      case WAKE_DURABLE:
        this.listeners.get(number)?.onDurable(a as number);
        break;
      case WAKE_LOGGED:
        this.listeners.get(number)?.onLogged(a as number);
        break;
      case WAKE_EVENT:
        this.listeners.get(number)?.onEvent(a as NativeEvent);
        break;
      case WAKE_SEAT:
        this.members.get(number)?.();
        break;
      case WAKE_DONE:
        this.#done(number, a as NativeFailure | undefined, b);
        break;
      case WAKE_PROGRESS:
        this.#progress(number, a as number, b as number);
        break;
    }
  }

  #progress(number: number, done: number, total: number): void {
    try {
      this.#tasks.get(number)?.onProgress?.(done, total);
    } catch (thrown) {
      uncaught(thrown);
    }
  }

  #done(number: number, failure: NativeFailure | undefined, result: unknown): void {
    const task = this.#tasks.get(number);
    if (task === undefined) return;
    this.#tasks.delete(number);
    if (task.holds) this.release();
    if (failure === undefined) task.resolve(result);
    else task.reject(fromNative(failure));
  }
}

// Kept on the exports of the addon, of which a thread has one however often this module is loaded into it.
const KEPT = Symbol.for('coppice.environment');

/** This thread's environment, made at first use. */
export function environment(): Environment {
  const addon = load() as Addon & { [KEPT]?: Environment };
  addon[KEPT] ??= new Environment(addon);
  return addon[KEPT];
}
