/**
 * Drives the machine of one node: hands its requests to whoever carries them out, and the answers back, until it is
 * stopped. It waits what is to be waited; it decides nothing.
 *
 * @module
 */

import {
  type Action,
  type Answer,
  type Event,
  type Local,
  type Notice,
  type Request,
  type Settings,
  type State,
  start,
  step,
} from '../protocol/index.js';
import { KeepAlive } from './keep-alive.js';

/** An event without the time, which is added here. */
export type Told = Event extends infer E ? (E extends Event ? Omit<E, 'nowMs'> : never) : never;

export interface Carrier {
  /** Answers a request; rejects if nobody knows what came of it, which is the answer `unknown`. */
  carry(request: Exclude<Request, { type: 'wait' }>): Promise<Answer>;
  /** What the machine has said, in order. The machine does not wait. */
  notice(notice: Notice): void;
  /** The machine has gone on, and its actions have been begun. */
  moved(state: State): void;
  /** Whether the machine is to keep the process alive also while it waits for more to read. */
  isOpening(): boolean;
  /** The error to an answer that nobody knows, and how often the same request has failed before; it may end everything. */
  failed(error: unknown, failures: number): void;
}

/** Waits are stretched by up to so much, so that nodes that lost the store together do not come back together. */
const JITTER = 0.2;

export class Driver {
  #state: State;
  #stopped = false;
  #isPerforming = false;
  readonly #told: Told[] = [];
  readonly #carrier: Carrier;
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #watchers = new Set<() => void>();
  readonly #keepAlive = new KeepAlive();

  constructor(settings: Settings, local: Local | null, carrier: Carrier) {
    this.#carrier = carrier;
    const [state, actions] = start(settings, local, nowMs());
    this.#state = state;
    // Whoever makes a driver is to know it before it is asked anything.
    setImmediate(() => this.#perform(actions));
  }

  get state(): State {
    return this.#state;
  }

  /** Whoever is told something while carrying out actions is heard when these have all been begun. */
  tell(told: Told): void {
    this.#told.push(told);
    if (this.#isPerforming) return;
    for (let next = this.#told.shift(); next !== undefined && !this.#stopped; next = this.#told.shift()) {
      const [state, actions] = step(this.#state, { ...next, nowMs: nowMs() } as Event);
      this.#state = state;
      this.#perform(actions);
      if (!this.#stopped) this.#carrier.moved(state);
      for (const watcher of [...this.#watchers]) watcher();
    }
  }

  /** Resolves at the first state of which `holds` is true, or when the driver is stopped. */
  until(holds: (state: State) => boolean): Promise<void> {
    return new Promise((resolve) => {
      const watcher = () => {
        if (!this.#stopped && !holds(this.#state)) return;
        this.#watchers.delete(watcher);
        this.#keepAlive.set(this.#watchers.size > 0);
        resolve();
      };
      this.#watchers.add(watcher);
      this.#keepAlive.set(true);
      watcher();
    });
  }

  /** From now on nothing is asked, and no answer is heard. */
  stop(): void {
    this.#stopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    for (const watcher of [...this.#watchers]) watcher();
  }

  #perform(actions: readonly Action[]): void {
    this.#isPerforming = true;
    for (const action of actions) {
      if (this.#stopped) break;
      if (!('id' in action)) this.#carrier.notice(action);
      else if (action.type === 'wait') this.#wait(action.id, action.ms);
      else this.#carry(action.id, action);
    }
    this.#isPerforming = false;
  }

  #wait(id: number, ms: number): void {
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer);
        this.tell({ type: 'answer', id, answer: { type: 'done' } });
      },
      ms * (1 + JITTER * Math.random()),
    );
    this.#timers.add(timer);
    if (!this.#keepsAlive(id)) timer.unref();
  }

  /** Whether somebody of this process waits for what comes after a wait. */
  #keepsAlive(id: number): boolean {
    const { requests, settings } = this.#state;
    const purpose = requests[id]?.purpose;
    // Nobody waits for an owner to show that it lives but those who may find that it does not.
    if (purpose === 'renewing') return false;
    return purpose !== 'waiting' || settings.mode !== 'replica' || this.#carrier.isOpening();
  }

  async #carry(id: number, request: Exclude<Request, { type: 'wait' }>): Promise<void> {
    let answer: Answer;
    try {
      answer = await this.#carrier.carry(request);
    } catch (error) {
      if (this.#stopped) return;
      this.#carrier.failed(error, this.#state.requests[id]?.failures ?? 0);
      answer = { type: 'unknown', why: (error as Error).message };
    }
    this.tell({ type: 'answer', id, answer });
  }
}

/** By a clock that does not step. */
function nowMs(): number {
  return Math.round(performance.now());
}
