/**
 * Keys, values and orders of the benchmarks: the same for every engine and every round.
 *
 * @module
 */

/** Numbers from a seed, 32 bits each (xorshift32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed || 1;
  }

  next(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return x >>> 0;
  }

  below(bound: number): number {
    return Math.floor((this.next() / 2 ** 32) * bound);
  }
}

/** 16 bytes; even numbers are stored, odd ones are the keys that are missing between them. */
export function key(i: number): string {
  return String(2 * i).padStart(16, '0');
}

export function missingKey(i: number): string {
  return String(2 * i + 1).padStart(16, '0');
}

/** `0 .. count - 1` in random order. */
export function shuffled(count: number, seed = 1): Uint32Array {
  const random = new Random(seed);
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

/** Numbers below `count`, few of them often: exponent 0.99, as YCSB has it, and the frequent ones far apart. */
export function zipfian(count: number, draws: number, seed = 1): Uint32Array {
  const random = new Random(seed);
  const theta = 0.99;
  let zeta = 0;
  for (let i = 1; i <= count; i++) zeta += i ** -theta;
  const alpha = 1 / (1 - theta);
  const eta = (1 - (2 / count) ** (1 - theta)) / (1 - (1 + 0.5 ** theta) / zeta);
  const place = shuffled(count, seed + 1);
  return Uint32Array.from({ length: draws }, () => {
    const u = random.next() / 2 ** 32;
    const rank = u * zeta < 1 ? 0 : u * zeta < 1 + 0.5 ** theta ? 1 : Math.floor(count * (eta * u - eta + 1) ** alpha);
    return place[Math.min(rank, count - 1)]!;
  });
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/**
 * Values of `bytes`, half random bytes and half the same words, so that they compress to about half. Those read as text
 * have random letters instead, of which a compressor may make a little less.
 */
export class Values {
  readonly #pool: Buffer[];

  constructor(bytes: number, { seed = 7, text = false } = {}) {
    const random = new Random(seed);
    const half = bytes >> 1;
    const same = 'the same words in every row, '.repeat(Math.ceil(half / 29)).slice(0, bytes - half);
    // So many values that none comes twice within what a compressor looks back on.
    const count = Math.min(1 << 16, Math.floor((16 * 2 ** 20) / bytes));
    this.#pool = Array.from({ length: count }, () => {
      const noise = Uint8Array.from({ length: half }, () => {
        const byte = random.next() >>> 24;
        return text ? ALPHABET.charCodeAt(byte & 63) : byte;
      });
      return Buffer.concat([noise, Buffer.from(same)]);
    });
  }

  at(i: number): Buffer {
    return this.#pool[(Math.imul(i, 2654435761) >>> 8) % this.#pool.length]!;
  }
}
