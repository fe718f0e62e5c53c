/**
 * Branches of a store as folders that go afterwards.
 *
 * @module
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { restoreBeside } from '../../restore.js';
import { type Call, encryption } from '../command.js';

/** Answers what `use` does of the folders, in the order of the branches. */
export async function withCopies<T>(
  { terminal }: Call,
  store: string,
  branches: readonly string[],
  use: (folders: readonly string[]) => Promise<T>,
): Promise<T> {
  const top = await mkdtemp(join(tmpdir(), 'coppice-'));
  const onProgress = terminal.progress.bind(terminal);
  try {
    const folders: string[] = [];
    for (const branch of branches) {
      const to = join(top, String(folders.length));
      await restoreBeside(folders.at(-1), store, { branch, to, onProgress, ...encryption() });
      folders.push(to);
    }
    terminal.endProgress();
    return await use(folders);
  } finally {
    terminal.endProgress();
    await rm(top, { recursive: true, force: true });
  }
}
