/**
 * The tables of the checkpoint under way: their files are kept for as long as they may be read.
 *
 * @module
 */

import { join } from 'node:path';
import type { PinnedVersion } from '../../native/types.js';
import type { Flushed } from '../protocol/index.js';

export class Pinned {
  #version: PinnedVersion | undefined;
  #paths = new Map<string, string>();

  /** Keeps these files, and lets go of those before. */
  hold(version: PinnedVersion): Flushed {
    this.release();
    this.#version = version;
    this.#paths = new Map(version.files.map(({ id, folder, name }) => [id, join(folder, name)]));
    const { engine, seq, revision, timeMs, trimRevision } = version;
    // Where a file is on this disk is nobody else's business.
    const tables = version.files.map(({ kind, id, sha256, bytes }) => ({ kind, id, sha256, bytes }));
    return { engine, seq, revision, timeMs, trimRevision, tables };
  }

  pathOf(id: string): string | undefined {
    return this.#paths.get(id);
  }

  release(): void {
    this.#version?.release();
    this.#version = undefined;
    this.#paths.clear();
  }
}
