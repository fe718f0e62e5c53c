/**
 * Where a command reads from and writes to.
 *
 * @module
 */

import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { CoppiceError } from '../errors.js';
import type { Progress } from '../upkeep.js';
import { figure } from './figures.js';

export interface Streams {
  stdin: Readable & { isTTY?: boolean };
  stdout: Writable;
  stderr: Writable & { isTTY?: boolean };
}

const BAR_WIDTH = 30;
/** As much as the largest commit takes in hexadecimal digits. */
const INPUT_BYTES_MAX = 64 << 20;

/** The output of one command. Waits for a slow reader instead of filling the memory. */
export class Terminal {
  readonly #streams: Streams;
  #bar = false;
  #why: string | undefined;
  /** Whether nobody reads the output any more, as after `| head`. */
  gone = false;

  constructor(streams: Streams) {
    this.#streams = streams;
    streams.stdout.on('error', (error: NodeJS.ErrnoException) => {
      this.gone = true;
      if (error.code !== 'EPIPE') throw error;
    });
  }

  /** Writes to the output, as it is. */
  async write(bytes: string | Uint8Array): Promise<void> {
    const { stdout } = this.#streams;
    if (this.gone || stdout.write(bytes)) return;
    await Promise.race([once(stdout, 'drain'), once(stdout, 'close')]).catch(() => {});
  }

  line(text: string): Promise<void> {
    return this.write(`${text}\n`);
  }

  /** One JSON document on one line. */
  json(value: unknown): Promise<void> {
    return this.line(JSON.stringify(value));
  }

  /** A line for people, beside the output. */
  note(text: string): void {
    this.endProgress();
    this.#streams.stderr.write(`${text}\n`);
  }

  /** Draws how far a command is, if a person watches. What it waits for is told once, whoever watches. */
  progress({ phase, done, total, unit, why }: Progress): void {
    if (why !== undefined) {
      if (why !== this.#why) this.note(`waiting: ${why}`);
      this.#why = why;
      return;
    }
    if (!this.#streams.stderr.isTTY) return;
    this.#streams.stderr.write(
      `\r\x1b[K${phase} ${total === 0 && done > 0 ? counted(done, unit) : barOf(done, total)}`,
    );
    this.#bar = true;
  }

  endProgress(): void {
    if (this.#bar) this.#streams.stderr.write('\r\x1b[K');
    this.#bar = false;
  }

  /** What is piped in, of any length. */
  stream(): AsyncIterable<Uint8Array> {
    return this.#streams.stdin as AsyncIterable<Uint8Array>;
  }

  /** Everything that is piped in, or typed. */
  async input(): Promise<Buffer> {
    const { stdin } = this.#streams;
    if (stdin.isTTY)
      this.note('type the value; it ends with the end of the input (Ctrl-D, on Windows Ctrl-Z and Enter)');
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of stdin as AsyncIterable<Uint8Array>) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > INPUT_BYTES_MAX)
        throw new CoppiceError('TOO_LARGE', `the input has more than ${INPUT_BYTES_MAX} bytes`);
    }
    return Buffer.concat(chunks);
  }
}

/** Where nobody knows how much there is. */
function counted(done: number, unit: Progress['unit']): string {
  return unit === 'bytes' ? figure(done, 'bytes') : `${figure(done, 'count')} ${unit}`;
}

function barOf(done: number, total: number): string {
  const part = total === 0 ? 1 : Math.min(1, done / total);
  const bar = '#'.repeat(Math.round(part * BAR_WIDTH)).padEnd(BAR_WIDTH, '.');
  return `[${bar}] ${Math.floor(part * 100)}%`;
}
