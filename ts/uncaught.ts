/**
 * What foreign code throws while it is told something, which must not reach whoever tells it.
 *
 * @module
 */

/** Throws it on its own, as an uncaught exception, as soon as what runs now has returned. */
export function uncaught(thrown: unknown): void {
  process.nextTick(rethrow, thrown);
}

function rethrow(thrown: unknown): never {
  throw thrown;
}
