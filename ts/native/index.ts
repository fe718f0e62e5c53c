/**
 * The boundary to the native engine: the only folder that touches the addon and the buffer shared with it.
 *
 * @module
 */

import { NativeEngine } from './engine.js';
import { environment } from './environment.js';
import type { Census, Engine, EngineEvent, EngineOptions, SalvageResult } from './types.js';

export { clear, cut, filesOf, install } from './replication.js';
export { joinSeat, type Seat, untilClosed } from './seat.js';
export * from './types.js';

/**
 * Opens the folder at `path`, or shares the engine with which this process has it open already; options that concern the
 * engine must then be the same. `on` hears what happens from then on, on this thread.
 */
export async function openEngine(
  path: string,
  options: EngineOptions,
  on: (event: EngineEvent) => void,
): Promise<Engine> {
  const here = environment();
  const { memtable, compaction, retain, keys, ...rest } = options;
  const started = here.addon.open(path, { ...rest, ...memtable, ...compaction, ...retain }, keys && [...keys]);
  const handle = await here.task<number>(started);
  return new NativeEngine(here, handle, options.replicated !== undefined, on);
}

/** Makes a database in `to` of what is readable in `from`; both are encrypted if there are keys. */
export function salvage(
  from: string,
  to: string,
  keys: readonly Uint8Array[] | undefined,
  onProgress?: (doneBytes: number, totalBytes: number) => void,
): Promise<SalvageResult> {
  const here = environment();
  return here.task(here.addon.salvage(from, to, keys && [...keys]), onProgress);
}

/**
 * Takes the lock file at `path`, which is made if it is absent and never removed, and answers how to give it back. Both
 * take no time worth speaking of. The system gives it back when this process ends, however that happens.
 *
 * @throws `COPPICE_LOCKED` while anyone else has it, in this process or another.
 */
export function lockFile(path: string): () => void {
  const here = environment();
  const lock = here.addon.lockFile(path);
  if (lock === null) throw here.failure();
  return () => {
    here.addon.unlockFile(lock);
  };
}

/** Counts what is held, for tests that look for what was not let go of. */
export function census(): Census {
  const { addon, header } = environment();
  addon.census();
  const [engines, tasks, databases, ranges, snapshots] = header as unknown as [number, number, number, number, number];
  return { engines, tasks, databases, ranges, snapshots };
}
