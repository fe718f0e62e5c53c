/**
 * What the database, its sublevels, snapshots and batches share: one open handle of the engine.
 *
 * @module
 */

import { closed } from './errors.js';
import { Emitter } from './events.js';
import type { Engine, EngineEvent } from './native/types.js';
import type { Durability } from './options/write.js';
import { WriteQueue } from './write-queue.js';

/** Opens the engine; `on` gets what it tells. */
export type OpenEngine = (on: (event: EngineEvent) => void) => Promise<Engine>;

export class Handle {
  status: 'open' | 'closing' | 'closed' = 'open';
  readonly path: string;
  readonly engine: Engine;
  readonly durability: Durability;
  readonly events: Emitter;
  readonly writes: WriteQueue;
  /** Whether the database keeps past versions. */
  readonly history: boolean;
  #closing: Promise<void> | undefined;
  /** Writes that take more than one call of the engine. */
  readonly #finishing = new Set<Promise<unknown>>();

  private constructor(path: string, engine: Engine, durability: Durability, events: Emitter) {
    this.path = path;
    this.engine = engine;
    this.history = engine.history;
    this.durability = durability;
    this.events = events;
    this.writes = new WriteQueue(engine, events);
  }

  /**
   * Opens. What the engine tells before the caller could listen is told on the first turn of the event loop after that.
   */
  static async open(path: string, openEngine: OpenEngine, durability: Durability): Promise<Handle> {
    const events = new Emitter();
    const early: EngineEvent[] = [];
    let handle: Handle | undefined;
    const engine = await openEngine((event) => (handle === undefined ? early.push(event) : handle.#tell(event)));
    const opened = new Handle(path, engine, durability, events);
    setImmediate(() => {
      handle = opened;
      for (const event of early) opened.#tell(event);
    });
    return opened;
  }

  /** The engine, for one call. Throws `COPPICE_CLOSED` from the moment `close` was called. */
  live(): Engine {
    if (this.status !== 'open') throw closed('database');
    return this.engine;
  }

  /** Has `close` wait for a write that needs the engine again before it is done. */
  finish<T>(write: Promise<T>): Promise<T> {
    const forget = () => this.#finishing.delete(write);
    this.#finishing.add(write);
    write.then(forget, forget);
    return write;
  }

  /** Refuses further calls, lets waiting writes finish, then closes the engine. Every call gets the same promise. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.status = 'closing';
    try {
      await Promise.allSettled(this.#finishing);
      await this.writes.empty();
      await this.engine.close();
    } finally {
      this.status = 'closed';
    }
  }

  #tellRecovered({ records, tornBytes, leftOut }: EngineEvent & { type: 'recovered' }): void {
    this.events.emit('recovered', leftOut === undefined ? { records, tornBytes } : { records, tornBytes, leftOut });
  }

  #tell(event: EngineEvent): void {
    switch (event.type) {
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
