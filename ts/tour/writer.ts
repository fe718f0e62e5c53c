/**
 * The process that is killed: writes numbered records for ever and says on its output which are acknowledged.
 *
 * Arguments: the folder of the tour, and the durability. A number is written to the output, a pipe to another process,
 * after the promises of the puts of it and of all before it have resolved. So whoever reads the pipe knows what was
 * acknowledged, whenever this process ends.
 *
 * @module
 */

import type { Durability } from '../index.js';
import { openLibrary } from './library.js';
import { recordKey, recordValue } from './record.js';

/** Puts that wait for acknowledgement at once. */
const WAITING = 256;
/** So little that tables are written all the time. */
const MEMORY_BYTES = 16 << 20;

const [folder, durability] = process.argv.slice(2) as [string, Durability];
// Ctrl-C reaches this process too; the tour ends it.
process.on('SIGINT', () => {});
// Without the tour there is nobody to write for.
process.stdin.on('close', () => process.exit()).resume();
process.stdout.on('error', () => process.exit());

const { scratch } = await openLibrary(folder, { memoryBytes: MEMORY_BYTES, durability });
for (let last = 0; ; last += WAITING) {
  const numbers = Array.from({ length: WAITING }, (_, i) => last + 1 + i);
  await Promise.all(numbers.map((number) => scratch.put(recordKey(number), recordValue(number))));
  // Only what is in the pipe is known outside.
  await new Promise((resolve) => process.stdout.write(`${last + WAITING}\n`, resolve));
}
