/**
 * The engine of a replica, as readers see it. The folder's own may be replaced under them, when the replica has to begin
 * again from a checkpoint: what was begun on the one before answers from it, or not at all.
 *
 * What must hold: nobody sees an older state than before, and no two states in one read. Nothing is written.
 *
 * @module
 */

import { CoppiceError } from '../errors.js';
import type {
  BackupResult,
  Bytes,
  Changes,
  ChangesOptions,
  CheckpointResult,
  CommitAnswer,
  Decode,
  DiffEnd,
  Engine,
  EngineStats,
  FoundEntry,
  Later,
  Rows,
  RowsOptions,
  Slab,
  VerifyCall,
  VerifyResult,
} from '../native/index.js';
import type { DatabaseFolder } from './folder.js';

type Progress = (doneBytes: number, totalBytes: number) => void;

export class ReplicaEngine implements Engine {
  readonly history: boolean;
  readonly replication = undefined;
  readonly #folder: DatabaseFolder;
  #engine: Engine;
  #isClosed = false;
  /** Of which engine each open snapshot is. */
  readonly #snapshots = new Map<number, Engine>();

  constructor(folder: DatabaseFolder) {
    this.#folder = folder;
    this.#engine = folder.engine as Engine;
    this.history = this.#engine.history;
  }

  get revision(): number {
    return this.#now().revision;
  }

  get nowMs(): number {
    return this.#now().nowMs;
  }

  get pressure(): number {
    return this.#now().pressure;
  }

  get(key: Bytes, decode: 'utf8', snapshot?: number): string | undefined;
  get(key: Bytes, decode: 'buffer', snapshot?: number): Buffer | undefined;
  get(key: Bytes, decode: Decode, snapshot?: number): string | Buffer | undefined;
  get(key: Bytes, decode: Decode, snapshot = 0): string | Buffer | undefined {
    return this.#at(snapshot).get(key, decode, snapshot);
  }

  read(key: Bytes, decode: Decode, snapshot = 0): Later<string | Buffer | undefined> {
    return this.#begun(snapshot, (engine) => engine.read(key, decode, snapshot));
  }

  entry(key: Bytes, decode: Decode, snapshot = 0): Later<FoundEntry<string | Buffer> | undefined> {
    return this.#begun(snapshot, (engine) => engine.entry(key, decode, snapshot));
  }

  has(key: Bytes, snapshot = 0): Later<boolean> {
    return this.#begun(snapshot, (engine) => engine.has(key, snapshot));
  }

  rows(options: RowsOptions): Rows {
    const engine = this.#at(options.snapshot ?? 0);
    return new ReplicaRows(engine.rows(options), (error) => this.#because(error, engine, replaced));
  }

  moment(snapshot: number): DiffEnd {
    return this.#at(snapshot).moment(snapshot);
  }

  changes(before: DiffEnd, snapshot: number, options: ChangesOptions): Changes {
    const engine = this.#at(snapshot);
    const changes = engine.changes(before, snapshot, options);
    return {
      next: () =>
        changes.next().catch((error) => {
          throw this.#because(error, engine, replaced);
        }),
      close: () => changes.close(),
    };
  }

  put(): number {
    throw readOnly();
  }

  del(): number {
    throw readOnly();
  }

  slab(): Slab {
    return this.#now().slab();
  }

  commit(): number {
    throw readOnly();
  }

  commitLater(): Promise<CommitAnswer> {
    return Promise.reject(readOnly());
  }

  stage(): Promise<number> {
    return Promise.reject(readOnly());
  }

  unstage(): void {}

  /** What can be read has been synced. */
  settle(): Promise<void> {
    return Promise.resolve();
  }

  snapshot(): number {
    return this.#keep((engine) => engine.snapshot());
  }

  snapshotAt(revision: number): number {
    return this.#keep((engine) => engine.snapshotAt(revision));
  }

  snapshotRevision(snapshot: number): number {
    return this.#at(snapshot).snapshotRevision(snapshot);
  }

  releaseSnapshot(snapshot: number): void {
    this.#snapshots.get(snapshot)?.releaseSnapshot(snapshot);
    this.#snapshots.delete(snapshot);
  }

  flush(): Promise<void> {
    return this.#work((engine) => engine.flush());
  }

  compact(lower: Bytes | undefined, upper: Bytes | undefined): Promise<void> {
    return this.#work((engine) => engine.compact(lower, upper));
  }

  approximateBytes(lower: Bytes | undefined, upper: Bytes | undefined): Promise<number> {
    return this.#work((engine) => engine.approximateBytes(lower, upper));
  }

  trim(): Promise<void> {
    return Promise.reject(readOnly());
  }

  verify(options?: VerifyCall): Promise<VerifyResult> {
    return this.#work((engine) => engine.verify(options));
  }

  checkpoint(folder: string): Promise<CheckpointResult> {
    return this.#work((engine) => engine.checkpoint(folder));
  }

  backup(folder: string, onProgress?: Progress): Promise<BackupResult> {
    return this.#work((engine) => engine.backup(folder, onProgress));
  }

  stats(): EngineStats {
    return this.#now().stats();
  }

  /** Nothing is read any more. Whoever follows closes the engine. */
  async close(): Promise<void> {
    this.#isClosed = true;
  }

  /** The one that is read now. */
  #now(): Engine {
    const { engine, shown } = this.#folder;
    if (engine === this.#engine) return engine;
    // A checkpoint may be older than what was read of the log: it is shown when it has got there again.
    if (engine === undefined || engine.revision < shown) throw beginning();
    this.#engine = engine;
    return engine;
  }

  #at(snapshot: number): Engine {
    const engine = this.#now();
    if (snapshot === 0) return engine;
    const its = this.#snapshots.get(snapshot);
    if (its !== undefined && its !== engine) throw replaced();
    // Of one that was released the engine says so.
    return engine;
  }

  #keep(take: (engine: Engine) => number): number {
    const engine = this.#now();
    const snapshot = take(engine);
    this.#snapshots.set(snapshot, engine);
    return snapshot;
  }

  /** A read that may go on while the engine is replaced. */
  #begun<T>(snapshot: number, read: (engine: Engine) => Later<T>): Later<T> {
    const engine = this.#at(snapshot);
    const found = read(engine);
    if (!(found instanceof Promise)) return found;
    return found.catch((error) => {
      throw this.#because(error, engine, snapshot === 0 ? beginning : replaced);
    });
  }

  async #work<T>(work: (engine: Engine) => Promise<T>): Promise<T> {
    const engine = this.#now();
    try {
      return await work(engine);
    } catch (error) {
      throw this.#because(error, engine, beginning);
    }
  }

  /** Why something has failed that was begun on an engine. */
  #because(error: unknown, engine: Engine, otherwise: () => CoppiceError): unknown {
    const isClosed = error instanceof CoppiceError && error.code === 'COPPICE_CLOSED';
    return isClosed && !this.#isClosed && engine !== this.#folder.engine ? otherwise() : error;
  }
}

/** Rows of one engine, which end with it. */
class ReplicaRows implements Rows {
  readonly #rows: Rows;
  readonly #because: (error: unknown) => unknown;

  constructor(rows: Rows, because: (error: unknown) => unknown) {
    this.#rows = rows;
    this.#because = because;
  }

  get cold(): boolean {
    return this.#rows.cold;
  }

  get done(): boolean {
    return this.#rows.done;
  }

  next(rowsMax: number, wait?: boolean): number {
    try {
      return this.#rows.next(rowsMax, wait);
    } catch (error) {
      throw this.#because(error);
    }
  }

  async warm(): Promise<void> {
    try {
      await this.#rows.warm();
    } catch (error) {
      throw this.#because(error);
    }
  }

  key(i: number): string | Buffer {
    return this.#rows.key(i);
  }

  value(i: number): string | Buffer {
    return this.#rows.value(i);
  }

  revision(i: number): number {
    return this.#rows.revision(i);
  }

  expiresAtMs(i: number): number | undefined {
    return this.#rows.expiresAtMs(i);
  }

  createRevision(i: number): number {
    return this.#rows.createRevision(i);
  }

  version(i: number): number {
    return this.#rows.version(i);
  }

  seek(key: Bytes): void {
    try {
      this.#rows.seek(key);
    } catch (error) {
      throw this.#because(error);
    }
  }

  close(): void {
    this.#rows.close();
  }
}

function readOnly(): CoppiceError {
  return new CoppiceError('READONLY', 'a replica does not write: open the branch elsewhere, without readOnly');
}

/** For reads that can be made again. */
function beginning(): CoppiceError {
  const message =
    'the replica begins again from a newer checkpoint, as the log after its own is gone: read again later';
  return new CoppiceError('BUSY', message, { details: { retry: true } });
}

/** For what saw one state, and cannot go on with another. */
function replaced(): CoppiceError {
  const message = 'the replica has begun again from a newer checkpoint, and what this saw is gone: read anew';
  return new CoppiceError('COMPACTED', message);
}
