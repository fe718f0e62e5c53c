/**
 * What the database, its sublevels, snapshots and batches share: one open handle of the engine.
 *
 * @module
 */

import { orElapsed } from './abort.js';
import { type CoppiceError, closed } from './errors.js';
import { Emitter } from './events.js';
import { CLOSE_MS } from './limits.js';
import type { Engine, EngineEvent } from './native/types.js';
import type { Durability, Levels } from './options/write.js';
import type { Branch, ShellEvent } from './repository/shell/index.js';
import { Turns } from './turns.js';
import { WriteQueue } from './write-queue.js';

/** What was opened: an engine, and the branch that it is the disk of, if it is. */
export interface Opened {
  readonly engine: Engine;
  readonly branch?: Branch;
}

/** Opens the engine; `on` gets what it, and the branch, tell. */
export type OpenEngine = (on: (event: EngineEvent | ShellEvent) => void) => Promise<Opened>;

export class Handle {
  status: 'open' | 'closing' | 'closed' = 'open';
  readonly path: string;
  readonly engine: Engine;
  readonly branch: Branch | undefined;
  readonly levels: Levels;
  readonly events: Emitter;
  readonly writes: WriteQueue;
  readonly turns = new Turns();
  /** Whether the database keeps past versions. */
  readonly history: boolean;
  readonly #ending = new AbortController();
  #closing: Promise<{ unshipped: number }> | undefined;
  /** Why nothing can be read or written any more, though nobody has closed it. */
  #ended: CoppiceError | undefined;
  /** Writes that take more than one call of the engine. */
  readonly #finishing = new Set<Promise<unknown>>();

  private constructor(path: string, { engine, branch }: Opened, durability: Durability, events: Emitter) {
    this.path = path;
    this.engine = engine;
    this.branch = branch;
    this.history = engine.history;
    this.levels = { usual: durability, hasStore: branch !== undefined };
    this.events = events;
    const settle = (revision: number, level: Durability) => this.settle(revision, level);
    this.writes = new WriteQueue(engine, events, this.turns, settle, branch?.backlog);
  }

  /**
   * Opens. What the engine tells before the caller could listen is told on the first turn of the event loop after that.
   */
  static async open(path: string, openEngine: OpenEngine, durability: Durability): Promise<Handle> {
    const events = new Emitter();
    const early: (EngineEvent | ShellEvent)[] = [];
    let handle: Handle | undefined;
    const opened = await openEngine((event) => (handle === undefined ? early.push(event) : handle.#tell(event)));
    const made = new Handle(path, opened, durability, events);
    setImmediate(() => {
      handle = made;
      for (const event of early) made.#tell(event);
    });
    return made;
  }

  /** The engine, for one call. Throws `COPPICE_CLOSED` from the moment `close` was called. */
  live(): Engine {
    if (this.status !== 'open') throw closed('database');
    if (this.#ended !== undefined) throw this.#ended;
    return this.engine;
  }

  /** Whether it is open, and nothing has ended it. */
  get isUsable(): boolean {
    return this.status === 'open' && this.#ended === undefined;
  }

  /** Aborted when it is being closed. */
  get ending(): AbortSignal {
    return this.#ending.signal;
  }

  /** Resolves when a commit is as durable as that. */
  settle(revision: number, level: Durability): Promise<void> {
    if (level !== 'remote') return this.engine.settle(revision, level);
    const stored = this.branch?.stored(revision) ?? Promise.resolve();
    // Only what is on the disk is shipped, so that is asked for. The disk of a branch that is taken back is closed.
    const synced = this.engine.settle(revision, 'disk').catch((error) => {
      if (this.#ended === undefined) throw error;
    });
    return Promise.all([synced, stored]).then(() => {});
  }

  /** Resolves when a commit is to be seen: until the store has it, where that is the level, it may be taken back. */
  async visible(revision: number): Promise<void> {
    if (this.levels.usual === 'remote') await this.settle(revision, 'remote');
  }

  /** Has `close` wait for a write that needs the engine again before it is done. */
  finish<T>(write: Promise<T>): Promise<T> {
    const forget = () => this.#finishing.delete(write);
    this.#finishing.add(write);
    write.then(forget, forget);
    return write;
  }

  /** Refuses further calls, lets waiting writes finish, then closes the engine. Every call gets the same promise. */
  close(timeoutMs = CLOSE_MS): Promise<{ unshipped: number }> {
    this.#closing ??= this.#close(performance.now() + timeoutMs);
    return this.#closing;
  }

  async #close(untilMs: number): Promise<{ unshipped: number }> {
    this.status = 'closing';
    this.#ending.abort();
    const leftMs = () => Math.max(0, untilMs - performance.now());
    try {
      const finished = Promise.allSettled(this.#finishing);
      // With a branch they may be waiting for the store.
      await (this.branch === undefined ? finished : orElapsed(finished, leftMs()));
      await this.writes.empty();
      if (this.branch === undefined || this.branch.follows) await this.engine.close();
      const unshipped = await this.branch?.close(leftMs());
      return { unshipped: unshipped ?? 0 };
    } finally {
      this.status = 'closed';
    }
  }

  #tellRecovered({ records, tornBytes, leftOut }: EngineEvent & { type: 'recovered' }): void {
    this.events.emit('recovered', leftOut === undefined ? { records, tornBytes } : { records, tornBytes, leftOut });
  }

  #tell(event: EngineEvent | ShellEvent): void {
    switch (event.type) {
      case 'acknowledged':
        return this.events.emit('replicated', { revision: event.revision });
      case 'published':
        return this.events.emit('checkpoint', event.checkpoint);
      case 'overtaken':
        this.#ended = event.error;
        return this.writes.end(event.error);
      case 'ended':
        if (event.error.code === 'COPPICE_FENCED') this.#ended ??= event.error;
        return this.events.emit('error', event.error);
      case 'room':
        return this.writes.drain();
      case 'failed':
        this.writes.drain();
        return this.events.emit('error', event.error);
      case 'flush':
        return this.events.emit('flush', { bytes: event.bytes, ms: event.ms });
      case 'work':
        return this.events.emit('background', { work: event.work, phase: event.begins ? 'begin' : 'end' });
      case 'stall':
        return this.events.emit('stall', { ms: event.ms, reason: event.reason });
      case 'recovered':
        return this.#tellRecovered(event);
      case 'compaction': {
        const { level, readBytes, wroteBytes, ms } = event;
        return this.events.emit('compaction', { level, readBytes, wroteBytes, ms });
      }
    }
  }
}
