/**
 * The bound on what is on this disk only: how full it is, which writers look at before each write. It is weighed when
 * something has become durable, or was stored: between two of those it may be passed by what is written meanwhile.
 *
 * @module
 */

/** From here on writes are held up, ever longer; at 1 they are refused. */
const DELAYED_FROM = 0.5;
const DELAY_MS_MAX = 100;

export class Backlog {
  readonly bytesMax: number;
  readonly #onWeighed: () => void;
  #bytes = 0;

  constructor(bytesMax: number, onWeighed: () => void = () => {}) {
    this.bytesMax = bytesMax;
    this.#onWeighed = onWeighed;
  }

  /** Of the log, by whole files. */
  get bytes(): number {
    return this.#bytes;
  }

  /** At 1 and above nothing further may be written. */
  get ratio(): number {
    return this.#bytes / this.bytesMax;
  }

  /** How long a write is to wait before it resolves. */
  get delayMs(): number {
    const beyond = (this.ratio - DELAYED_FROM) / (1 - DELAYED_FROM);
    return beyond <= 0 ? 0 : DELAY_MS_MAX * Math.min(1, beyond) ** 2;
  }

  weigh(bytes: number): void {
    this.#bytes = bytes;
    this.#onWeighed();
  }
}
