/**
 * Replaying a branch in a store: copies of it that begin with the oldest and with the newest checkpoint that is kept have to be the same
 * database, and so has a folder on this machine that holds the branch.
 *
 * @module
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { differences, type Side } from './compare.js';
import type { Database } from './database.js';
import { CoppiceError } from './errors.js';
import { open } from './open.js';
import { type EncryptionOptions, keysOf } from './options/encryption.js';
import { resolveOpen } from './options/open.js';
import { restoreBranch } from './repository/index.js';
import type { Until } from './repository/protocol/index.js';
import type { ObjectStore } from './repository/store/index.js';
import type { Progress } from './upkeep.js';

export interface Replaying {
  readonly store: ObjectStore;
  readonly branch: string;
  readonly encryption?: EncryptionOptions | undefined;
  /** A folder on this machine. */
  readonly against?: string | undefined;
  readonly onProgress: (progress: Progress) => void;
}

export interface ReplayReport {
  ok: boolean;
  /** Up to which everything was compared. */
  revision: number;
  keys: number;
  /** `key`: that differs. */
  problems: { file: string; offset: number; what: string; key?: Buffer }[];
}

/** Of one comparison; what differs everywhere need not be listed. */
const PROBLEMS_MAX = 100;

type Bytes = Database<Buffer, Buffer>;

/** Whole copies are made in the folder for temporary files, and go afterwards. Who writes the branch goes on. */
export async function replayBranch(replaying: Replaying): Promise<ReplayReport> {
  const folder = await mkdtemp(join(tmpdir(), 'coppice-replay-'));
  const replay = new Replay(replaying, folder);
  try {
    await replay.run();
  } catch (error) {
    // What cannot be replayed is what was to be found out.
    if (!(error instanceof CoppiceError) || error.code !== 'COPPICE_CORRUPT') throw error;
    const {
      file = replaying.branch,
      key = file,
      offset = 0,
    } = error.details as { file?: string; key?: string; offset?: number };
    replay.report.problems.push({ file: key, offset, what: error.message });
  } finally {
    await replay.close();
    await rm(folder, { recursive: true, force: true });
  }
  replay.report.ok = replay.report.problems.length === 0;
  return replay.report;
}

class Replay {
  readonly report: ReplayReport = { ok: false, revision: 0, keys: 0, problems: [] };
  readonly #replaying: Replaying;
  readonly #folder: string;
  readonly #open: Bytes[] = [];

  constructor(replaying: Replaying, folder: string) {
    this.#replaying = replaying;
    this.#folder = folder;
  }

  async run(): Promise<void> {
    const { against } = this.#replaying;
    const newest = await this.#copy('newest', undefined, false);
    const { revision } = newest;
    this.report.revision = revision;
    const oldest = await this.#copy('oldest', { revision }, true);
    await this.#compare([newest, oldest], ['the newest checkpoint', 'the oldest'], revision);
    if (against === undefined) return;
    const here = await this.#opened(against);
    await this.#verify(here);
    const at = Math.min(revision, here.revision);
    const isPast = at < revision && historyOf(here) === undefined;
    const there = isPast ? await this.#copy('against', { revision: at }, false) : newest;
    if (at < here.revision && historyOf(here) === undefined) {
      const more = `${against} is at revision ${here.revision} and has no history, and the store is at ${revision}`;
      throw new CoppiceError('INVALID', `${more}: open it with the store until everything is shipped`, {
        details: { option: 'against' },
      });
    }
    await this.#compare([there, here], ['the store', against], at);
  }

  async close(): Promise<void> {
    for (const db of this.#open) await db.close();
  }

  /** A copy of the branch, which is read wholly. */
  async #copy(name: string, until: Until | undefined, oldest: boolean): Promise<Bytes> {
    const { store, branch, encryption, onProgress } = this.#replaying;
    const folder = join(this.#folder, name);
    const engine = { ...resolveOpen({}).engine, keys: await keysOf(encryption) };
    await restoreBranch(folder, engine, { store, branch, until, oldest, signal: undefined, onProgress });
    const db = await this.#opened(folder);
    await this.#verify(db);
    return db;
  }

  async #opened(folder: string): Promise<Bytes> {
    const { encryption } = this.#replaying;
    const encodings = { keyEncoding: 'buffer', valueEncoding: 'buffer' } as const;
    const db = await open(folder, { readOnly: true, ...encodings, ...(encryption && { encryption }) });
    this.#open.push(db);
    return db;
  }

  async #verify(db: Bytes): Promise<void> {
    const { problems } = await db.verify({ onProgress: this.#replaying.onProgress });
    this.report.problems.push(...problems);
  }

  async #compare([one, other]: readonly [Bytes, Bytes], names: readonly [string, string], to: number): Promise<void> {
    const { branch: file, onProgress } = this.#replaying;
    const { problems } = this.report;
    const tell = (what: string, key?: Buffer) => problems.push({ file, offset: 0, what, ...(key && { key }) });
    const [a, b] = [historyOf(one), historyOf(other)];
    if ((a === undefined) !== (b === undefined))
      return void tell(`only one of ${names[0]} and ${names[1]} has history`);
    const past = a === undefined || b === undefined ? undefined : { from: Math.max(a, b, 1), to };
    const told = (keys: number) => {
      this.report.keys = keys;
      onProgress({ phase: 'compare', done: keys, total: Math.max(keys, one.stats().keysEstimate), unit: 'keys' });
    };
    let found = 0;
    for await (const { key, what } of differences(one as Side, other as Side, { past, names, told })) {
      found += 1;
      if (found <= PROBLEMS_MAX) tell(what, key);
    }
    if (found > PROBLEMS_MAX) tell(`${found - PROBLEMS_MAX} more keys differ`);
  }
}

/** The oldest revision that can be read. */
function historyOf(db: Bytes): number | undefined {
  return db.stats().history?.trimRevision;
}
