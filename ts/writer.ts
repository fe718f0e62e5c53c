/**
 * Writes: what a database and its sublevels have in common.
 *
 * A write is applied before the call returns: reads see it at once. Its promise resolves when it is as durable as asked
 * for. Writes of one handle take effect in the order of their calls.
 *
 * @module
 */

import { Batch } from './batch.js';
import { CoppiceError, invalid } from './errors.js';
import type { Handle } from './handle.js';
import type { Keyspace } from './keyspace.js';
import type { Bounds, Slab } from './native/types.js';
import { boolean, checkNames, names, signal } from './options/check.js';
import { type Duration, deadlineMs } from './options/duration.js';
import { KEY_RANGE, type KeyRange, keyRange, spanOf } from './options/range.js';
import { checkPut, checkWrite, durability, type Expiry, type PutOptions, type WriteOptions } from './options/write.js';
import { countRows, Reader } from './reader.js';
import { touch } from './ttl.js';
import type { Commit } from './write-queue.js';

/** Where an operation of a batch goes: a sublevel of the same database. */
export interface AnySublevel {
  readonly name: string;
  readonly prefix: string;
}

/** One operation of a batch. With a `sublevel`, key and value are of that sublevel's types. */
export type Op<K, V> =
  | ({ type: 'put'; key: K; value: V; sublevel?: undefined } & Expiry)
  | ({ type: 'put'; key: unknown; value: unknown; sublevel: AnySublevel } & Expiry)
  | { type: 'del'; key: K; sublevel?: undefined }
  | { type: 'del'; key: unknown; sublevel: AnySublevel }
  | ({ type: 'delRange'; sublevel?: undefined } & KeyRange<K>)
  | ({ type: 'delRange'; sublevel: AnySublevel } & KeyRange<unknown>);

/** How a range is removed. */
export interface DelRangeOptions extends WriteOptions {
  /** Whether to say how many keys had a value, for which all of them are read. Default false; with history it is told anyway. */
  count?: boolean;
}

/** A range of keys that was removed. */
export interface RangeCommit extends Commit {
  /** With `count`, and always with history: how many keys of the range had a value. */
  deleted?: number;
}

const OP_PUT = names('a put of a batch', ['type', 'key', 'value', 'sublevel', 'ttl', 'expiresAt'], ['lease']);
const OP_DEL = names('a del of a batch', ['type', 'key', 'sublevel']);
const OP_DEL_RANGE = names('a delRange of a batch', ['type', 'sublevel', ...KEY_RANGE]);
const DEL_RANGE = names('delRange', KEY_RANGE);
const DEL_RANGE_OPTIONS = names('a delRange', ['durability', 'signal', 'count']);

/** What a database and a sublevel have in common: reads and writes. */
export class Writer<K, V> extends Reader<K, V> {
  /** @internal The same database by other keys and values. */
  static override over<K, V>(writer: Writer<unknown, unknown>, space: Keyspace<K, V>): Writer<K, V> {
    return new Writer(writer.handle, space, writer.pin);
  }

  /** @internal Where a sublevel of a database lives in it. */
  static spaceOf(handle: Handle, sublevel: AnySublevel): Keyspace<unknown, unknown> {
    if (sublevel instanceof Writer && sublevel.handle === handle) return sublevel.space;
    throw invalid('sublevel', 'a sublevel of this database', sublevel);
  }

  /**
   * Writes a value, whether the key has one or not. Not awaited, it is applied all the same.
   *
   * A value over 1 MiB, up to 1 GiB, goes to the disk before it is applied, off this thread: it is visible when the promise
   * resolves, later writes of the handle wait behind it, and bytes must be left alone until then. The same goes, with
   * history, for a write to a key of which the last version has to be read from the disk.
   *
   * @throws `COPPICE_TOO_LARGE` for a key over 65,535 bytes or a value over 1 GiB, `COPPICE_BUSY` when too many
   * writes wait, `COPPICE_DISK_FULL` when the disk is full. Nothing was written then.
   * @example
   * ```ts
   * import { open } from 'coppice';
   *
   * const db = await open('./data');
   * const { revision } = await db.put('visits', '1', { ttl: '7d' });
   * console.log(`written by commit ${revision}`);
   * await db.close();
   * ```
   */
  put(key: K, value: V, options?: PutOptions): Promise<Commit> {
    try {
      if (options !== undefined) return this.#putWith(key, value, options);
      const { handle, space } = this;
      handle.live();
      const bytes = space.values.encode(value, 'value');
      return handle.writes.put(space.encodeKey(key), bytes, undefined, handle.levels.usual);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Removes a key, whether it has a value or not. It is taken also beyond `maxDiskBytes`.
   *
   * @example
   * ```ts
   * import { open } from 'coppice';
   *
   * const db = await open('./data');
   * await db.put('greeting', 'hello');
   * await db.del('greeting');
   * console.log(await db.get('greeting')); // undefined
   * await db.close();
   * ```
   */
  del(key: K, options?: WriteOptions): Promise<Commit> {
    try {
      if (options !== undefined) return this.#delWith(key, options);
      const { handle, space } = this;
      handle.live();
      return handle.writes.del(space.encodeKey(key), handle.levels.usual);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Changes when a key expires: so long from now, or never (`null`). Its value stays, its revision is new.
   *
   * @throws `COPPICE_NOT_FOUND` if it has no value, for example because it expired already.
   * @example
   * ```ts
   * import { open } from 'coppice';
   *
   * const db = await open('./data');
   * await db.put('session', 'ada', { ttl: '15m' });
   * await db.touch('session', '15m');
   * await db.touch('session', null); // keeps it for ever
   * await db.close();
   * ```
   */
  touch(key: K, ttl: Duration | null): Promise<Commit> {
    return touch(this.handle, this.space, key, ttl);
  }

  /**
   * Removes all keys of a range as one commit, however many they are: what is logged and kept is the range, so that it
   * costs as much as one `del`. Tables that lie inside it are dropped whole; the rest of their space comes back as
   * compaction gets to it. `{}` is every key, of a sublevel every key of that sublevel. A range without keys is no error:
   * where its bounds cross nothing is written and no revision taken.
   *
   * Writes that come later, or later in the same batch, are not touched.
   *
   * With history each key of the range gets a delete of its own, in one commit: another thread makes it, the write is
   * visible when the promise resolves, and a range whose deletes take over 32 MiB is refused with `COPPICE_TOO_LARGE`.
   *
   * @throws `COPPICE_INVALID` for bounds that contradict each other or no range at all.
   * @example
   * ```ts
   * import { open } from 'coppice';
   *
   * const db = await open('./data');
   * await db.delRange({ gte: 'log/2023', lt: 'log/2024' });
   * const { deleted } = await db.delRange({ prefix: 'session/' }, { count: true });
   * console.log(`${deleted} sessions`);
   * await db.sublevel('cache').delRange({});
   * await db.close();
   * ```
   */
  delRange(range: KeyRange<K>, options: DelRangeOptions = {}): Promise<RangeCommit> {
    try {
      const { handle, space } = this;
      const engine = handle.live();
      checkNames(options, DEL_RANGE_OPTIONS);
      if (options.signal !== undefined) signal(options.signal);
      const level = durability(options.durability, handle.levels);
      const counting = boolean(options.count, 'count', false);
      const bounds = keyRange(range, DEL_RANGE, space);
      const span = spanOf(bounds);
      const slab = handle.writes.takeSlab();
      if (span !== undefined) slab.delRange(span.lower, span.upper);
      const commit = () => handle.writes.commit(slab, level, options.signal) as Promise<Commit>;
      // Without keys between its bounds there is nothing that the engine would count.
      if (handle.history) return span === undefined ? commit().then((done) => ({ ...done, deleted: 0 })) : commit();
      return counting ? handle.finish(this.#counted(commit, bounds, engine.snapshot())) : commit();
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Writes several operations as one commit: all of them or none, with one revision. They act in order, so the last on a
   * key wins. A batch without operations takes no revision.
   *
   * Without operations given it answers an empty `Batch` to fill step by step, which can also have conditions.
   *
   * @throws `COPPICE_INVALID` or `COPPICE_ENCODING` for a bad operation, whose index is `details.op`; nothing is written.
   * @throws `COPPICE_TOO_LARGE` beyond 32 MiB, without the values over 1 MiB, or 1 GiB of these.
   * @example
   * ```ts
   * import { open } from 'coppice';
   *
   * const db = await open('./data');
   * await db.batch([
   *   { type: 'put', key: 'a', value: '1' },
   *   { type: 'del', key: 'b' },
   *   { type: 'delRange', prefix: 'c/' },
   * ]);
   * const seen = await db.getEntry('a');
   * const answer = await db.batch().check({ key: 'a', revision: seen?.revision ?? null }).put('a', '2').write();
   * console.log(answer.ok);
   * await db.close();
   * ```
   */
  batch(): Batch<K, V>;
  batch(ops: readonly Op<K, V>[], options?: WriteOptions): Promise<Commit>;
  batch(...given: readonly unknown[]): Batch<K, V> | Promise<Commit> {
    if (given.length === 0) return new Batch(this.handle, this.space);
    try {
      return this.#batch(given[0], given[1] as WriteOptions | undefined);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #putWith(key: K, value: V, options: PutOptions): Promise<Commit> {
    const { handle, space } = this;
    const deadline = checkPut(options, handle.live());
    const level = durability(options.durability, handle.levels);
    const bytes = space.values.encode(value, 'value');
    const stored = space.encodeKey(key);
    if (options.signal === undefined) return handle.writes.put(stored, bytes, deadline, level);
    const slab = handle.writes.takeSlab();
    slab.put(stored, bytes, deadline);
    return handle.writes.commit(slab, level, options.signal) as Promise<Commit>;
  }

  #delWith(key: K, options: WriteOptions): Promise<Commit> {
    const { handle, space } = this;
    handle.live();
    checkWrite(options);
    const level = durability(options.durability, handle.levels);
    const stored = space.encodeKey(key);
    if (options.signal === undefined) return handle.writes.del(stored, level);
    const slab = handle.writes.takeSlab();
    slab.del(stored);
    return handle.writes.commit(slab, level, options.signal) as Promise<Commit>;
  }

  /** Commits before it returns, and counts the keys that are gone in the snapshot from before, which it ends. */
  async #counted(begin: () => Promise<Commit>, bounds: Bounds, snapshot: number): Promise<RangeCommit> {
    const { engine } = this.handle;
    try {
      const commit = begin();
      // If it fails meanwhile, that is told of when it is awaited.
      commit.catch(() => {});
      const deleted = await countRows(engine.rows({ ...bounds, snapshot }), Number.POSITIVE_INFINITY, undefined);
      return { ...(await commit), deleted };
    } finally {
      engine.releaseSnapshot(snapshot);
    }
  }

  #batch(ops: unknown, options: WriteOptions = {}): Promise<Commit> {
    const { writes, levels } = this.handle;
    this.handle.live();
    checkWrite(options);
    if (!Array.isArray(ops)) throw invalid('the operations of batch', 'an array', ops);
    const level = durability(options.durability, levels);
    const slab = writes.takeSlab();
    let i = 0;
    try {
      for (; i < ops.length; i++) this.#pack(slab, ops[i]);
    } catch (error) {
      writes.giveBack(slab);
      throw inOperation(error, i);
    }
    return writes.commit(slab, level, options.signal) as Promise<Commit>;
  }

  #pack(slab: Slab, op: Op<K, V>): void {
    if (typeof op !== 'object' || op === null)
      throw invalid('an operation', "{ type: 'put' | 'del' | 'delRange', ... }", op);
    const space = op.sublevel === undefined ? this.space : (Writer.spaceOf(this.handle, op.sublevel) as Keyspace<K, V>);
    if (op.type === 'put') {
      checkNames(op, OP_PUT);
      const value = space.values.encode(op.value as V, 'value');
      slab.put(space.encodeKey(op.key as K), value, deadlineMs(op.ttl, op.expiresAt, this.handle.engine));
    } else if (op.type === 'del') {
      checkNames(op, OP_DEL);
      slab.del(space.encodeKey(op.key as K));
    } else if (op.type === 'delRange') {
      const span = spanOf(keyRange(op as KeyRange<K>, OP_DEL_RANGE, space));
      if (span !== undefined) slab.delRange(span.lower, span.upper);
    } else {
      throw invalid('type', "'put', 'del' or 'delRange'", (op as { type: unknown }).type);
    }
  }
}

/** The same error, saying which operation of a batch it is about. */
function inOperation(error: unknown, op: number): unknown {
  if (!(error instanceof CoppiceError)) return error;
  const name = error.code.slice('COPPICE_'.length) as ConstructorParameters<typeof CoppiceError>[0];
  return new CoppiceError(name, `operation ${op}: ${error.message}`, {
    cause: error,
    details: { ...error.details, op },
  });
}
