/** Branches for the tests of the shell, opened with the engine of `engine.ts`. */

import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { memoryStore, type ObjectStore } from '../../../ts/index.js';
import { Shell, type ShellOptions } from '../../../ts/repository/shell/index.js';
import { temporaryFolder } from '../../support/database.js';
import { HostileStore } from '../../support/hostile.js';
import { type TextEngine, TextFolder } from './engine.js';

export interface Branch {
  readonly shell: Shell;
  readonly engine: TextEngine;
  /** Commits, and waits until the store has it. */
  write(text: string): Promise<void>;
}

export function optionsOf(store: ObjectStore, folder: string, options: Partial<ShellOptions> = {}): ShellOptions {
  return {
    store,
    folder,
    engine: new TextFolder(folder),
    branch: 'main',
    mode: 'writer',
    wants: 'any',
    until: null,
    policy: { keep: 1, retainMs: 0 },
    checkpoint: { everyBytes: 1 << 20, everySlots: 100 },
    unshippedBytesMax: 1 << 30,
    lingerMs: 0,
    renewMs: null,
    pollMs: 20,
    takeoverMs: 200,
    shipsFirst: true,
    on: () => {},
    ...options,
  };
}

export async function openBranch(
  store: ObjectStore,
  folder: string,
  options: Partial<ShellOptions> = {},
): Promise<Branch> {
  const shell = await Shell.open(optionsOf(store, folder, options));
  const engine = (await shell.engine()) as TextEngine;
  return { shell, engine, write: (text) => shell.stored(engine.commit(text)) };
}

/** A store and a folder of their own. */
export async function temporaryPlace(t: ExecutionContext): Promise<{ store: ObjectStore; folder: string }> {
  return { store: memoryStore(), folder: join(await temporaryFolder(t), 'db') };
}

/** What a writer leaves that was cut off from the store: a commit in a table, which no slot holds. */
export async function leaveUnshippedTable(store: ObjectStore, folder: string): Promise<void> {
  const away = new HostileStore(store);
  const { shell, engine } = await openBranch(away, folder);
  away.isAway = true;
  engine.commit('lost');
  await engine.sync();
  (await engine.flush()).release();
  await shell.close(0);
}
