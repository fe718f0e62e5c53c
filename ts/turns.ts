/**
 * Lets the event loop turn now and then. Most calls are answered at once, and a program that awaits one after another never
 * leaves the queue of microtasks by itself: timers, sockets and what ships to a store would wait until it is done.
 *
 * @module
 */

/** A look at the clock costs as much as a fifth of a read. */
const CALLS_BETWEEN_LOOKS = 64;
const TURN_MS_MAX = 10;

export class Turns {
  #calls = 0;
  /** When this turn was first looked at. */
  #sinceMs: number | undefined;

  /** Resolves in the next turn of the event loop, if this one has taken long enough; nothing if it has not. */
  due(): Promise<void> | undefined {
    this.#calls += 1;
    if (this.#calls % CALLS_BETWEEN_LOOKS !== 0) return undefined;
    const nowMs = performance.now();
    if (this.#sinceMs === undefined) {
      this.#sinceMs = nowMs;
      setImmediate(() => {
        this.#sinceMs = undefined;
      });
    }
    if (nowMs - this.#sinceMs < TURN_MS_MAX) return undefined;
    return new Promise((resolve) => setImmediate(resolve));
  }
}
