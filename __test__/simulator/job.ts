/**
 * A job under way: what it asks goes through the same network as what nodes ask, and it may be killed between any two
 * requests.
 *
 * @module
 */

import type { Answer, Job, Request, StoreRequest } from '../../ts/repository/protocol/index.js';
import type { Party } from './network.js';
import type { World } from './world.js';

export class Errand<T = unknown> implements Party {
  readonly frozen = false;
  readonly pausedUntil = 0;
  ended = false;
  result: T | undefined;
  #asked = 0;

  constructor(
    readonly world: World,
    readonly boot: string,
    readonly job: Job<T>,
    readonly done: (result: T) => void = () => {},
  ) {
    world.trace?.(`${boot} begins`);
    this.#goOn(job.next(undefined as never));
  }

  get name(): string {
    return this.boot;
  }

  get nowMs(): number {
    return this.world.nowMs;
  }

  kill(): void {
    this.world.trace?.(`${this.boot} is killed`);
    this.ended = true;
  }

  tell({ id, answer }: { id: number; answer: Answer }): void {
    if (!this.ended && id === this.#asked) this.#goOn(this.job.next(answer));
  }

  carryOut(request: Request): Answer {
    throw new Error(`a job cannot ${request.type}`);
  }

  #goOn(next: IteratorResult<StoreRequest, T>): void {
    if (next.done) {
      this.ended = true;
      this.result = next.value;
      this.world.trace?.(`${this.boot} ends with ${JSON.stringify(next.value)}`);
      return this.done(next.value);
    }
    this.#asked += 1;
    this.world.network.send(this, this.#asked, next.value);
  }
}
