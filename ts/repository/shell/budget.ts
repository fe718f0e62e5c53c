/**
 * So many transfers at once, and so many bytes of them in memory.
 *
 * @module
 */

/** Enough to fill a fast line over a long distance. */
const TRANSFERS_MAX = 16;
/** What is on its way is in memory. No object has more. */
const BYTES_MAX = 64 << 20;

export class Budget {
  #transfers = 0;
  #bytes = 0;
  readonly #waiting: (() => void)[] = [];

  /** Runs `transfer` when its turn has come, in the order of the calls. */
  async take<T>(bytes: number, transfer: () => Promise<T>): Promise<T> {
    while (this.#transfers > 0 && (this.#transfers >= TRANSFERS_MAX || this.#bytes + bytes > BYTES_MAX)) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#transfers += 1;
    this.#bytes += bytes;
    try {
      return await transfer();
    } finally {
      this.#transfers -= 1;
      this.#bytes -= bytes;
      for (const resolve of this.#waiting.splice(0)) resolve();
    }
  }
}
