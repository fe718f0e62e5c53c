/**
 * Consumes what engines answer, so that neither an engine nor V8 can leave out the work of making it.
 *
 * @module
 */
export class Sink {
  #sum = 0;
  values = 0;
  missing = 0;

  /** Kept as a property: it is handed on as a function. */
  readonly row = (key: string, value: Uint8Array): void => {
    this.#sum += key.charCodeAt(key.length - 1);
    this.value(value);
  };

  value(value: unknown): void {
    if (value === undefined) {
      this.missing++;
    } else if (typeof value === 'string') {
      this.values++;
      this.#sum += value.length + value.charCodeAt(value.length - 1);
    } else {
      const bytes = value as Uint8Array;
      this.values++;
      this.#sum += bytes.length + bytes[bytes.length - 1]!;
    }
  }

  /** Read once at the end of a run. */
  get sum(): number {
    return this.#sum;
  }
}
