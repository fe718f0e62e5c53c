/**
 * The option `logging`: what a database does, as lines.
 *
 * @module
 */

import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Database } from '../database.js';
import { CoppiceError } from '../errors.js';
import { uncaught } from '../uncaught.js';

/** Takes a line of the log of a database. */
export type K4Logger = (line: string) => void;

/** In the folder of the database, as K4 names it. */
const LOG_FILE = '.log';

/** Tells a logger, or the file of the database, what it does from now on. Answers what says that it was closed. */
export async function startLog(
  database: Database<never, never>,
  logger: K4Logger | true,
): Promise<() => Promise<void>> {
  const { path } = database;
  const file = logger === true ? new LogFile(join(path, LOG_FILE)) : undefined;
  const log: K4Logger = (line) => {
    try {
      (file?.write ?? (logger as K4Logger))(line);
    } catch (thrown) {
      uncaught(thrown);
    }
  };
  log(`opened ${path}`);
  database
    .on('recovered', ({ records, tornBytes }) => log(`recovered ${records} records, cut ${tornBytes} torn bytes`))
    .on('flush', ({ bytes, ms }) => log(`flushed ${bytes} bytes in ${ms} ms`))
    .on('compaction', ({ level, readBytes, wroteBytes, ms }) =>
      log(`compacted ${readBytes} bytes into ${wroteBytes} of level ${level} in ${ms} ms`),
    )
    .on('stall', ({ ms, reason }) => log(`writes waited ${ms} ms: ${reason}`))
    .on('error', ({ code, message }) => log(`${code}: ${message}`));
  await file?.written();
  return async () => {
    log(`closed ${path}`);
    // Who closes has no use for a log that ended before.
    await file?.written().catch(() => {});
  };
}

/** A file to which lines are appended, with the time. */
class LogFile {
  readonly #path: string;
  #writing: Promise<void> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
  }

  /** The line is written in its turn; where the disk refuses one the log ends, and nothing else. */
  readonly write: K4Logger = (line) => {
    const stamped = `${new Date().toISOString()} ${line}\n`;
    this.#writing = this.#writing.then(() => appendFile(this.#path, stamped));
    this.#writing.catch(() => {});
  };

  /** Resolves when all lines are in the file; rejects if one is not. */
  async written(): Promise<void> {
    try {
      await this.#writing;
    } catch (cause) {
      const details = { file: this.#path };
      throw new CoppiceError('IO', `the log of the database cannot be written (${this.#path})`, { cause, details });
    }
  }
}
