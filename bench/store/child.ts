/**
 * One part of the measurement, in a process of its own. Started by `parts.ts`, which it answers with one message.
 *
 * @module
 */
import { type Asked, parts } from './parts/index.js';

process.once('message', ({ part, given }: Asked) => {
  const run = parts[part] as (given: unknown) => Promise<unknown>;
  run(given)
    .catch((error: unknown) => ({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }))
    .then((answer) => process.send!(answer, () => process.exit()));
});
