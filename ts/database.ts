/**
 * A database: reads, writes, snapshots and upkeep of one open handle.
 *
 * @module
 */

import {
  type BranchOffOptions,
  branchOff,
  type DropBranchOptions,
  dropBranch,
  dropTag,
  listBranches,
  listTags,
  type TagInfo,
  type TagOptions,
  tagOff,
} from './branches.js';
import type { Changes } from './changes.js';
import { copyOf, lateChanges, mergeBranch, type Repository } from './copies.js';
import { type Detached, detach } from './detach.js';
import { CoppiceError, invalid } from './errors.js';
import type { Events } from './events.js';
import type { Handle } from './handle.js';
import type { Keyspace } from './keyspace.js';
import type { Merged, MergeOptions, Unmerged } from './merge.js';
import { revision as checkRevision } from './options/check.js';
import type { KeyRange } from './options/range.js';
import { type CloseOptions, closeTimeout, type Durability, durability } from './options/write.js';
import { Pin } from './pin.js';
import type { DiffOptions, Reader } from './reader.js';
import type { BranchInfo } from './repository/index.js';
import type { BranchStatus } from './repository/shell/index.js';
import { Snapshot } from './snapshot.js';
import { makeMetrics, makeStats, type Stats } from './stats.js';
import { Tree } from './sublevel.js';
import * as upkeep from './upkeep.js';
import type { Pressure } from './write-queue.js';

/**
 * An open database; made by `open`. Belongs to the thread that opened it; other threads of the process may open the same
 * folder and share its engine, other processes may not.
 *
 * After `close` every call throws or rejects with `COPPICE_CLOSED`, except `status`, `path` and `close` itself.
 */
export class Database<K, V> extends Tree<K, V> implements AsyncDisposable {
  readonly #repository: Repository | undefined;

  /** @internal */
  constructor(handle: Handle, space: Keyspace<K, V>, repository: Repository | undefined) {
    super(handle, space, new Pin(handle, 0));
    this.#repository = repository;
  }

  /** The folder, as an absolute path. */
  get path(): string {
    return this.handle.path;
  }

  /** `closing` from the call of `close` until it is done. */
  get status(): 'open' | 'closing' | 'closed' {
    return this.handle.status;
  }

  /** The newest commit. A database to which nothing was ever written is at 1. */
  get revision(): number {
    return this.handle.live().revision;
  }

  /**
   * Pins the newest state for reading: see `Snapshot`. It costs nothing but what the engine keeps for it while it is open.
   *
   * @example
   * ```ts
   * import { open } from 'coppice';
   *
   * const db = await open('./data');
   * await db.put('price', '10');
   * const before = db.snapshot();
   * await db.put('price', '12');
   * console.log(await before.get('price'), await db.get('price')); // 10 12
   * before.close();
   * await db.close();
   * ```
   */
  snapshot(): Snapshot<K, V> {
    return new Snapshot(this.handle, this.space);
  }

  /**
   * Resolves when everything up to a revision is as durable as asked: for a write that was given up
   * (`COPPICE_UNKNOWN_OUTCOME`) or written with less. Of a replica (see `OpenOptions.readOnly`): when it can be read here,
   * whenever that is.
   *
   * @throws `COPPICE_FUTURE_REVISION` for a revision that does not exist yet.
   * @example
   * ```ts
   * import { open } from 'coppice';
   *
   * const store = './store-with-readers';
   * const writer = await open('./data-of-a-writer', { store, durability: 'remote' });
   * const replica = await open('./data-of-a-reader', { store, readOnly: true, pollMs: 50 });
   * const { revision } = await writer.put('price', '12');
   * await replica.waitFor(revision, 'remote');
   * console.log(await replica.get('price')); // 12
   * await replica.close();
   * await writer.close();
   * ```
   */
  async waitFor(revision: number | bigint, level: Durability): Promise<void> {
    const engine = this.handle.live();
    const wanted = checkRevision(revision, 'revision');
    const { usual, hasStore } = this.handle.levels;
    const named = level === undefined ? usual : durability(level, { usual: 'process', hasStore });
    if (this.handle.branch?.follows) return this.handle.branch.stored(wanted);
    // With a store what is not there yet is not seen yet.
    const newest = Math.max(engine.revision, this.handle.writes.newest);
    if (wanted > newest) {
      throw new CoppiceError('FUTURE_REVISION', `revision ${wanted} does not exist yet: the newest is ${newest}`, {
        details: { revision: wanted },
      });
    }
    await this.handle.settle(wanted, named);
  }

  /**
   * What holds writes up: slow down before the queue is full and writes reject with `COPPICE_BUSY`.
   *
   * @example
   * ```ts
   * import { open } from 'coppice';
   *
   * const db = await open('./data');
   * for (let i = 0; i < 1_000; i++) {
   *   const written = db.put(`key${i}`, 'value');
   *   if (db.pressure().ratio > 0.5) await written;
   * }
   * await db.close();
   * ```
   */
  pressure(): Pressure {
    return { ...this.handle.writes.queued(), compaction: this.handle.live().pressure };
  }

  /**
   * Forgets the past of a database with history: from now on nothing before `revision` can be read. It takes no time; what
   * is not read any more leaves the disk as compaction gets to it. What open snapshots and ranges see stays until they are
   * closed. An earlier revision than the last time changes nothing. Resolves when it is durable.
   *
   * @throws `COPPICE_FUTURE_REVISION` for a revision that does not exist yet, `COPPICE_UNSUPPORTED` without history.
   * @example
   * ```ts
   * import { open } from 'coppice';
   *
   * const db = await open('./data-with-history', { history: true });
   * const { revision } = await db.put('price', '10');
   * await db.put('price', '12');
   * console.log(await db.get('price', { at: revision })); // 10
   * await db.trim(db.revision);
   * await db.close();
   * ```
   */
  async trim(revision: number | bigint): Promise<void> {
    await this.handle.live().trim(checkRevision(revision, 'revision'));
  }

  /** Writes what is in memory to a table. Never needed for durability. */
  async flush(): Promise<void> {
    await this.handle.live().flush();
  }

  /**
   * Merges tables until reads have as few as possible to look at and deleted keys take no room. Never needed: it is done by itself
   * when it is worth it. Reads and writes go on meanwhile; it takes room for a second copy of what it merges.
   *
   * @example
   * ```ts
   * import { open } from 'coppice';
   *
   * const db = await open('./data');
   * await db.delRange({ prefix: 'log/2023' });
   * await db.compact({ range: { prefix: 'log/' } });
   * await db.close();
   * ```
   */
  compact(options: upkeep.CompactOptions<K> = {}): Promise<void> {
    return upkeep.compact(this.handle, this.space, options);
  }

  /**
   * About how many bytes of files the keys of a range take, for a progress bar or a quota: from the indexes of tables, so that it costs
   * microseconds and reads no data. What was written since the last flush is in memory and in the log, and not counted.
   *
   * @example
   * ```ts
   * import { open } from 'coppice';
   *
   * const db = await open('./data');
   * console.log(await db.approximateBytes({ prefix: 'user/' }), 'of', await db.approximateBytes());
   * await db.close();
   * ```
   */
  approximateBytes(range: KeyRange<K> = {}): Promise<number> {
    return upkeep.approximateBytes(this.handle, this.space, range);
  }

  /**
   * Reads every byte of every file and checks it. Damage is an answer, not an exception. Reads and writes go on meanwhile.
   *
   * @throws `COPPICE_UNSUPPORTED` for `repair` without a `store`, `COPPICE_ABORTED` by its signal.
   * @example
   * ```ts
   * import { open } from 'coppice';
   *
   * const db = await open('./data');
   * const { ok, problems } = await db.verify({ bytesPerSecond: 64 << 20 });
   * console.log(ok, problems.length); // true 0
   * await db.close();
   * ```
   */
  verify(options: upkeep.VerifyOptions = {}): Promise<upkeep.VerifyReport> {
    return upkeep.verify(this.handle, options);
  }

  /**
   * Copies the database as of now into a folder, while reads and writes go on. Tables are linked where the file system
   * can, so it takes little time and room.
   *
   * Of a database that was opened with `durability: 'remote'` the copy may hold commits that the store does not have yet: it
   * resolves when the store has them, and a copy of which it rejects may hold what is taken back.
   *
   * Without `to`, of a database with a `store`: publishes a checkpoint of the branch there, so that whoever grows it back
   * reads tables and little of the log. That happens by itself as the log grows; it is never needed for durability.
   *
   * @throws `COPPICE_EXISTS` if the folder is not empty.
   * @example
   * ```ts
   * import { rm } from 'node:fs/promises';
   * import { open } from 'coppice';
   *
   * const db = await open('./data');
   * await rm('./backup', { recursive: true, force: true });
   * const { revision, location } = await db.checkpoint({ to: './backup' });
   * console.log(`${location} holds everything up to ${revision}`);
   * await db.close();
   * ```
   */
  checkpoint(options: upkeep.CheckpointOptions = {}): Promise<upkeep.CheckpointInfo> {
    return upkeep.checkpoint(this.handle, options);
  }

  /**
   * Brings a backup in another folder up to now, while reads and writes go on. Only files that the folder does not hold
   * are copied, each checked against its hash, so every backup after the first is short. It may be on another disk. To
   * restore, open the folder, or a copy of it.
   *
   * A backup that is interrupted, by an error or a power cut, leaves the one before as it was; making it again goes on
   * where it was. Writes that somebody made to the backup itself are gone with the next one. Of a database opened with
   * `readOnly` it holds what that sees. With `durability: 'remote'` it waits for the store, as `checkpoint` does.
   *
   * @throws `COPPICE_EXISTS` if the folder holds something else than backups of this database, or is its own;
   * `COPPICE_LOCKED` if it is in use; `COPPICE_CORRUPT`, with file and offset, for damage in what is to be copied;
   * `COPPICE_DISK_FULL`.
   * @example
   * ```ts
   * import { open } from 'coppice';
   *
   * const db = await open('./data');
   * const { revision, copiedBytes } = await db.backup({ to: './data-backup' });
   * console.log(`holds everything up to ${revision}; ${copiedBytes} bytes were new`);
   * await db.close();
   * ```
   */
  backup(options: upkeep.BackupOptions): Promise<upkeep.BackupInfo> {
    return upkeep.backup(this.handle, options);
  }

  /**
   * Figures of this moment. It reads no file.
   *
   * @example
   * ```ts
   * import { open } from 'coppice';
   *
   * const db = await open('./data');
   * await db.put('greeting', 'hello');
   * const { keysEstimate, diskBytes, cacheHitRatio } = db.stats();
   * console.log(keysEstimate, diskBytes > 0, cacheHitRatio); // 1 true 0
   * await db.close();
   * ```
   */
  stats(): Stats {
    return makeStats(this.handle.live().stats(), this.handle.writes.queued());
  }

  /**
   * How the branch stands, of a database with a `store`: whether this node leads or follows it, what is in its way, what is not
   * in the store yet, how far a replica is behind. `undefined` without one.
   *
   * @example
   * ```ts
   * import { open } from 'coppice';
   *
   * const db = await open('./data-with-store', { store: './store' });
   * await db.put('greeting', 'hello', { durability: 'remote' });
   * console.log(db.repository()?.role, db.repository()?.unshipped); // leading 0
   * await db.close();
   * ```
   */
  repository(): BranchStatus | undefined {
    return this.handle.branch?.status();
  }

  /**
   * Makes a branch of this database and opens it, with the options that this one was opened with: a database that begins with what
   * this one holds, or held, and goes its own way. Nothing is copied: tables that are here are linked, others fetched.
   *
   * Everything committed before the call is in it, once the store has it; with `at`, everything up to that moment.
   *
   * @throws as `createBranch` does; `COPPICE_UNSUPPORTED` without a `store`.
   * @example
   * ```ts
   * import { open } from 'coppice';
   *
   * const db = await open('./data-of-main', { store: './store-of-branches' });
   * await db.put('price', '10');
   * const rehearsal = await db.branch('rehearsal');
   * await rehearsal.put('price', '12');
   * console.log(await db.get('price'), await rehearsal.get('price')); // 10 12
   * await rehearsal.close();
   * await db.dropBranch('rehearsal');
   * await db.close();
   * ```
   */
  branch(name: string, options: BranchOffOptions = {}): Promise<Database<K, V>> {
    return branchOff(this.handle, this.#store(), name, options) as Promise<Database<K, V>>;
  }

  /**
   * Makes a tag of this database: a name for what it holds, or has held at a moment, that is kept for as long as the tag is. See
   * `createTag`; `tags` and `dropTag` are to tags what `branches` and `dropBranch` are to branches.
   */
  tag(name: string, options: TagOptions = {}): Promise<void> {
    return tagOff(this.handle, this.#store(), name, options);
  }

  /** The tags of the store: see `listTags`. */
  tags(): Promise<TagInfo[]> {
    return listTags(this.#store().store);
  }

  /** Drops a tag of the store: see the function `dropTag`. */
  async dropTag(name: string, options?: DropBranchOptions): Promise<TagInfo> {
    return dropTag(this.#store().store, name, options);
  }

  /**
   * Makes everything this branch's own that it has from the one that it has grown from, which may then go wholly: what both share is
   * stored once more, and moments before now cannot be copied any more. `heldBy`: branches that have grown through this one, and
   * are in the way; they are detached first, or dropped.
   *
   * @throws `COPPICE_UNSUPPORTED` for a branch that expires.
   * @example
   * ```ts
   * import { open } from 'coppice';
   *
   * const db = await open('./data-of-main', { store: './store-of-branches' });
   * const branch = await db.branch('independent');
   * console.log(await branch.detach()); // { ok: true, heldBy: [] }
   * await branch.close();
   * await db.dropBranch('independent');
   * await db.close();
   * ```
   */
  async detach(): Promise<Detached> {
    return detach(this.handle, this.#store());
  }

  /** The branches of the store: see `listBranches`. */
  branches(): Promise<BranchInfo[]> {
    return listBranches(this.#store().store);
  }

  /** Drops a branch of the store, which must not be this one: see the function `dropBranch`. */
  async dropBranch(name: string, options?: DropBranchOptions): Promise<BranchInfo> {
    const { store, name: own } = this.#store();
    if (name === own) throw invalid('the branch to drop', `another one than "${own}", which is open here`, name);
    return dropBranch(store, name, options);
  }

  /**
   * `diff` and `merge` of a database also take the name of another branch of the store. It is read as the store has it, from a
   * copy that begins with the tables that are here, so that what both share is neither fetched nor read; the copy goes afterwards.
   *
   * To merge, `base` may be left out if one of the two has grown from the other at a revision.
   *
   * @example
   * ```ts
   * import { open } from 'coppice';
   *
   * const db = await open('./data-of-main', { store: './store-of-branches', durability: 'remote', history: true });
   * const idea = await db.branch('idea');
   * await idea.put('price', '11');
   * await idea.close();
   * for await (const { key, before, after } of db.diff('idea')) console.log(key, before?.value, after?.value);
   * const merged = await db.merge('idea');
   * console.log(merged.ok, await db.get('price')); // true 11
   * await db.dropBranch('idea');
   * await db.close();
   * ```
   */
  override diff(
    before: Reader<unknown, unknown> | number | bigint | string,
    options: DiffOptions<K> = {},
  ): Changes<K, V> {
    if (typeof before !== 'string') return super.diff(before, options);
    const repository = this.#store();
    const copying = () => copyOf(this.handle, repository, before, null);
    return this.shown(
      lateChanges(copying, (copy) => this.differing(copy, options)),
      options,
    );
  }

  override async merge(
    from: Reader<unknown, unknown> | string,
    options: Partial<Pick<MergeOptions<K, V>, 'base'>> & Omit<MergeOptions<K, V>, 'base'> = {},
  ): Promise<Merged | Unmerged<K, V>> {
    if (typeof from !== 'string') return super.merge(from, options as MergeOptions<K, V>);
    return mergeBranch(this.handle, this.#store(), from, options, (theirs, base) =>
      super.merge(theirs, { ...options, base }),
    );
  }

  #store(): Repository {
    if (this.#repository !== undefined) return this.#repository;
    throw new CoppiceError('UNSUPPORTED', 'branches are of databases with a store: give open the option store');
  }

  /**
   * The figures in the Prometheus text format, each with its folder as the label `db`: what `/metrics` of a service answers.
   *
   * @example
   * ```ts
   * import { open } from 'coppice';
   *
   * const db = await open('./data');
   * const [first] = db.metrics().split('\n');
   * console.log(first); // # HELP coppice_keys_estimate
   * await db.close();
   * ```
   */
  metrics(): string {
    return makeMetrics(this.path, this.handle.live().stats(), this.handle.writes.queued(), this.repository());
  }

  /**
   * Calls `listener` at each event of a name: see `Events`. Listening does not keep the process alive. What a listener throws is an
   * uncaught exception, and takes no other listener with it.
   *
   * @throws `COPPICE_INVALID` for a name that is none.
   * @example
   * ```ts
   * import { open } from 'coppice';
   *
   * const db = await open('./data');
   * db.on('error', ({ code, message }) => console.error(code, message));
   * db.on('flush', ({ bytes, ms }) => console.log(`${bytes} bytes in ${ms} ms`));
   * await db.put('greeting', 'hello');
   * await db.flush();
   * await db.close();
   * ```
   */
  on<E extends keyof Events>(event: E, listener: (event: Events[E]) => void): this {
    this.handle.events.on(event, listener);
    return this;
  }

  /** Takes back one `on` with the same listener. */
  off<E extends keyof Events>(event: E, listener: (event: Events[E]) => void): this {
    this.handle.events.off(event, listener);
    return this;
  }

  /**
   * Refuses further calls, lets pending writes finish, and closes. Calling it again answers the same promise. Opening
   * afterwards replays nothing.
   *
   * With a `store` everything is shipped and the branch given up, for which it waits `timeoutMs` at most, by default 30 s; if
   * other threads of this process have the database open, they go on with that. `unshipped` is how many commits are on this disk only then: they are shipped when the database is opened here again.
   */
  close(options: CloseOptions = {}): Promise<{ unshipped: number }> {
    return this.handle.close(closeTimeout(options));
  }

  /** What `await using` calls: `close`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
