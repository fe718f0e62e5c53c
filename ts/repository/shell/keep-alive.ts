/**
 * Keeps the process alive while somebody waits. What is waited for may not: neither the events of an engine do, nor need a
 * store of somebody's own.
 *
 * @module
 */

/** As long as a timer can be; it is set again by then. */
const LONG_MS = 2 ** 31 - 1;

export class KeepAlive {
  #timer: NodeJS.Timeout | undefined;

  /** Until this is called again, with false. */
  set(isAwaited: boolean): void {
    if (isAwaited) this.#timer ??= this.#begin();
    else {
      clearTimeout(this.#timer);
      this.#timer = undefined;
    }
  }

  #begin(): NodeJS.Timeout {
    return setTimeout(() => {
      this.#timer = this.#begin();
    }, LONG_MS);
  }
}
