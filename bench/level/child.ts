/**
 * One database through all rows of one round, in a process of its own. Started by `main.ts`, which it answers with one message.
 *
 * @module
 */
import { folderBytes } from '../files.js';
import { openLevel } from './databases.js';
import { load, ROWS, type Run } from './rows.js';

export interface Task {
  database: string;
  folder: string;
  rows: readonly string[];
  keys: number;
  seconds: number;
}

/** How often a second, by row; `bytes` is what the folder takes in the end, as it is and after a compaction. */
export interface Answer {
  rates: Record<string, number>;
  bytes: number;
}

/** What the load has left to merge in the background is not measured with what comes first. */
const REST_MS = 3000;
const rest = () => new Promise((resolve) => setTimeout(resolve, REST_MS));

async function run({ database, folder, rows, keys, seconds }: Task): Promise<Answer> {
  const run: Run = {
    db: await openLevel(database, folder),
    folder,
    keys,
    seconds,
    async reopen() {
      await run.db.close();
      run.db = await openLevel(database, folder);
    },
  };
  const rates: Record<string, number> = { load: await load(run.db, keys) };
  await run.db.compactRange('', '~');
  await rest();
  await run.db.iterator().all();
  for (const name of rows) {
    rates[name] = await (ROWS[name] as (typeof ROWS)[string]).measure(run);
    globalThis.gc?.();
  }
  await run.db.compactRange('', '~');
  await rest();
  await run.db.close();
  return { rates, bytes: folderBytes(folder) };
}

process.once('message', (task: Task) => {
  run(task)
    .catch((error: unknown) => ({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }))
    .then((answer) => process.send?.(answer, () => process.exit()));
});
