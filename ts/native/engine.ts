/**
 * One open handle of the engine.
 *
 * @module
 */

import { closed, fromNative, invalid } from '../errors.js';
import { LARGE_PIECE_BYTES, LARGE_VALUE_BYTES } from '../limits.js';
import {
  type Addon,
  CONFLICT_BYTES,
  type CommitByTask,
  type FoundByTask,
  HEADER_BYTES,
  type Wait,
  WRITE_REFUSED,
} from './addon.js';
import { NativeChanges } from './changes.js';
import type { Environment, Listener, NativeEvent } from './environment.js';
import { foundEntry } from './found.js';
import { NativeReplication } from './replication.js';
import { NativeRows } from './rows.js';
import { Settler } from './settle.js';
import { NativeSlab } from './slab.js';
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
  EngineEvent,
  EngineStats,
  FoundEntry,
  Later,
  Refusal,
  Rows,
  RowsOptions,
  Slab,
  VerifyCall,
  VerifyResult,
} from './types.js';

const NONE: readonly number[] = [];

export class NativeEngine implements Engine, Listener {
  readonly #environment: Environment;
  readonly #addon: Addon;
  readonly #handle: number;
  readonly #settler: Settler;
  readonly #on: (event: EngineEvent) => void;
  readonly history: boolean;
  readonly replication: NativeReplication | undefined;
  #closing: Promise<void> | undefined;

  constructor(environment: Environment, handle: number, replicated: boolean, on: (event: EngineEvent) => void) {
    this.#environment = environment;
    this.#addon = environment.addon;
    this.#handle = handle;
    this.#settler = new Settler(environment, handle);
    this.#on = on;
    this.history = this.#environment.answered(this.#addon.keepsHistory(handle)) === 1;
    this.replication = replicated ? new NativeReplication(environment, handle) : undefined;
    environment.listeners.set(handle, this);
  }

  get revision(): number {
    return this.#environment.answered(this.#addon.revision(this.#handle));
  }

  get pressure(): number {
    return this.#environment.answered(this.#addon.pressure(this.#handle));
  }

  get nowMs(): number {
    return this.#environment.answered(this.#addon.now(this.#handle));
  }

  get(key: Bytes, decode: 'utf8', snapshot?: number): string | undefined;
  get(key: Bytes, decode: 'buffer', snapshot?: number): Buffer | undefined;
  get(key: Bytes, decode: Decode, snapshot?: number): string | Buffer | undefined;
  get(key: Bytes, decode: Decode, snapshot = 0): string | Buffer | undefined {
    const raw = this.#ask(key, decode, snapshot, 1);
    return typeof raw === 'number' ? this.#environment.copied(raw) : raw;
  }

  read(key: Bytes, decode: Decode, snapshot = 0): Later<string | Buffer | undefined> {
    const raw = this.#ask(key, decode, snapshot, 0);
    if (typeof raw !== 'number') return raw;
    return raw < 0 ? this.#inPool(raw).then((found) => found?.value) : this.#environment.copied(raw);
  }

  entry(key: Bytes, decode: Decode, snapshot = 0): Later<FoundEntry<string | Buffer> | undefined> {
    const text = decode === 'utf8' ? 1 : 0;
    const raw = this.#environment.answered(this.#addon.getEntry(this.#handle, key, snapshot, 0, text));
    if (raw === undefined) return undefined;
    if (typeof raw === 'number' && raw < 0) {
      return this.#inPool(raw).then((found) => found && foundEntry(found.value!, found));
    }
    const { header } = this.#environment;
    const details = { revision: header[0]!, deadline: header[1]!, createRevision: header[2]!, version: header[3]! };
    return foundEntry(typeof raw === 'number' ? this.#environment.copied(raw) : raw, details);
  }

  has(key: Bytes, snapshot = 0): Later<boolean> {
    const answer = this.#environment.answered(this.#addon.has(this.#handle, key, snapshot, 0));
    return answer < 0 ? this.#inPool(answer).then((found) => found !== undefined) : answer === 1;
  }

  rows(options: RowsOptions): Rows {
    return new NativeRows(this.#environment, this.#handle, options);
  }

  moment(snapshot: number): DiffEnd {
    return { handle: this.#handle, snapshot };
  }

  changes(before: DiffEnd, snapshot: number, options: ChangesOptions): Changes {
    return new NativeChanges(this.#environment, before, this.moment(snapshot), options);
  }

  put(key: Bytes, value: Bytes, deadlineMs = 0): number {
    return this.#environment.answered(this.#addon.put(this.#handle, key, value, deadlineMs));
  }

  del(key: Bytes): number {
    return this.#environment.answered(this.#addon.del(this.#handle, key));
  }

  slab(): Slab {
    // What is shipped is the log alone, so that the largest values have to be in it.
    return new NativeSlab(this.replication === undefined ? LARGE_VALUE_BYTES : Number.POSITIVE_INFINITY);
  }

  commit(slab: Slab, large: readonly number[] = NONE): number | Refusal {
    const { body, end, guards } = slab as NativeSlab;
    const answer = this.#environment.answered(
      large.length === 0
        ? this.#addon.commit(this.#handle, body, end, guards)
        : this.#addon.commitLarge(this.#handle, body, end, guards, pairs(slab, large)),
    );
    return answer === WRITE_REFUSED ? this.#refusal() : answer;
  }

  async commitLater(slab: Slab, large: readonly number[] = NONE): Promise<CommitAnswer> {
    const { body, end, guards } = slab as NativeSlab;
    const started = this.#addon.commitLater(this.#handle, body, end, guards, pairs(slab, large));
    const { revision, deleted, conflicts, newest } = await this.#environment.task<CommitByTask>(started);
    if (revision !== WRITE_REFUSED) return { answer: revision, deleted };
    const found = conflicts.map((conflict) => ({ ...conflict, revision: conflict.revision || null }));
    return { answer: { revision: newest, conflicts: found }, deleted };
  }

  async stage(value: Uint8Array): Promise<number> {
    const large = this.#environment.answered(this.#addon.largeBegin(this.#handle));
    const { length } = value;
    try {
      for (let at = 0; at < length; at += LARGE_PIECE_BYTES) {
        if (value.length !== length) throw invalid('value', 'bytes that stay while they are written', value.length);
        const piece = value.subarray(at, at + LARGE_PIECE_BYTES);
        await this.#environment.task(this.#addon.largeWrite(large, piece));
      }
      await this.#environment.task(this.#addon.largeEnd(large));
    } catch (error) {
      this.unstage(large);
      throw error;
    }
    return large;
  }

  unstage(large: number): void {
    this.#addon.largeDrop(large);
  }

  settle(revision: number, durability: 'process' | 'disk'): Promise<void> {
    return durability === 'process' ? this.#settler.written() : this.#settler.durable(revision);
  }

  snapshot(): number {
    return this.#environment.answered(this.#addon.snapshot(this.#handle));
  }

  snapshotAt(revision: number): number {
    return this.#environment.answered(this.#addon.snapshotAt(this.#handle, revision));
  }

  snapshotRevision(snapshot: number): number {
    return this.#environment.answered(this.#addon.snapshotRevision(snapshot));
  }

  releaseSnapshot(snapshot: number): void {
    this.#addon.releaseSnapshot(snapshot);
  }

  flush(): Promise<void> {
    return this.#environment.task(this.#addon.flush(this.#handle));
  }

  compact(lower: Bytes | undefined, upper: Bytes | undefined): Promise<void> {
    return this.#environment.task(this.#addon.compact(this.#handle, bytesOf(lower), bytesOf(upper)));
  }

  approximateBytes(lower: Bytes | undefined, upper: Bytes | undefined): Promise<number> {
    return this.#environment.task(this.#addon.approximateBytes(this.#handle, bytesOf(lower), bytesOf(upper)));
  }

  trim(revision: number): Promise<void> {
    return this.#environment.task(this.#addon.trim(this.#handle, revision));
  }

  verify({ onProgress, bytesPerSecond, holds = true }: VerifyCall = {}): Promise<VerifyResult> {
    return this.#environment.task(this.#addon.verify(this.#handle, bytesPerSecond), onProgress, holds);
  }

  checkpoint(folder: string): Promise<CheckpointResult> {
    return this.#environment.task(this.#addon.checkpoint(this.#handle, folder));
  }

  backup(folder: string, onProgress?: (doneBytes: number, totalBytes: number) => void): Promise<BackupResult> {
    return this.#environment.task(this.#addon.backup(this.#handle, folder), onProgress);
  }

  stats(): EngineStats {
    return this.#environment.answered(this.#addon.stats(this.#handle) as EngineStats | null);
  }

  close(): Promise<void> {
    if (this.#closing !== undefined) return Promise.reject(closed('database'));
    this.#closing = this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#settler.idle();
    // From the start of the task on, calls with this handle are refused.
    const task = this.#environment.task<void>(this.#addon.close(this.#handle));
    this.#environment.listeners.delete(this.#handle);
    await task;
  }

  onDurable(revision: number): void {
    this.#settler.onDurable(revision);
  }

  onLogged(seq: number): void {
    this.replication?.tell(seq);
  }

  onEvent({ failure, ...event }: NativeEvent): void {
    if (failure === undefined) {
      this.#on(event as unknown as EngineEvent);
      return;
    }
    const error = fromNative(failure);
    if (error.code === 'COPPICE_POISONED') this.#settler.onFailure(error);
    this.#on({ type: 'failed', error });
  }

  #ask(key: Bytes, decode: Decode, snapshot: number, wait: Wait): string | number | Buffer | undefined {
    return this.#environment.answered(
      decode === 'utf8'
        ? this.#addon.getText(this.#handle, key, snapshot, wait)
        : this.#addon.getBytes(this.#handle, key, snapshot, wait),
    );
  }

  #inPool(answer: number): Promise<FoundByTask> {
    return this.#environment.task<FoundByTask>(-answer);
  }

  #refusal(): Refusal {
    const { header, numbers, shared } = this.#environment;
    const conflicts: Refusal['conflicts'] = [];
    const told = header[1]!;
    let at = HEADER_BYTES + told * CONFLICT_BYTES;
    for (let i = 0; i < told; i++) {
      const conflict = { guard: numbers[3 * i]!, revision: numbers[3 * i + 1] || null };
      const bytes = numbers[3 * i + 2]!;
      conflicts.push(bytes < 0 ? conflict : { ...conflict, key: Buffer.from(shared.subarray(at, at + bytes)) });
      at += Math.max(0, bytes);
    }
    return { revision: header[0]!, conflicts };
  }
}

/** Which operation has which large value. */
function pairs(slab: Slab, large: readonly number[]): Uint8Array {
  const numbers = new Float64Array(2 * large.length);
  for (const [i, number] of large.entries()) numbers.set([slab.large[i]!.op, number], 2 * i);
  return new Uint8Array(numbers.buffer);
}

function bytesOf(bytes: Bytes | undefined): Uint8Array | undefined {
  return typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
}
