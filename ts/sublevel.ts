/**
 * A part of the keys under a name, with encodings of its own.
 *
 * The stored key is `!name!` and then the key, nested sublevels in a row (`!a!!b!`), as in Level: both see the same data.
 *
 * @module
 */

import {
  type Codec,
  type Decoded,
  type KeyEncoding,
  keyCodec,
  type ValueEncoding,
  valueCodec,
} from './encoding/index.js';
import { invalid } from './errors.js';
import type { Handle } from './handle.js';
import { Keyspace } from './keyspace.js';
import { SUBLEVEL_NAME_MAX } from './limits.js';
import { type Merged, type MergeOptions, merge, type Unmerged } from './merge.js';
import { checkNames, names } from './options/check.js';
import type { Pin } from './pin.js';
import type { Reader } from './reader.js';
import {
  type BeginOptions,
  beginSettings,
  runTransaction,
  State,
  Transaction,
  type TransactionOptions,
} from './transaction/index.js';
import { type AnySublevel, Writer } from './writer.js';

/** The encodings of a sublevel. Default: those of its parent. */
export interface SublevelOptions<K extends KeyEncoding, V extends ValueEncoding> {
  keyEncoding?: K;
  valueEncoding?: V;
}

const SUBLEVEL = names('sublevel', ['keyEncoding', 'valueEncoding']);
/** Between `"`, which ends the range of a sublevel, and DEL. */
const NAME = /^[#-~]+$/;

/**
 * The type of a sublevel's keys or values: as its encoding says, or as the parent's.
 *
 * @inline
 */
export type DecodedOr<E, Parent> = [E] extends [never] ? Parent : Decoded<E>;

/** What has sublevels. */
export class Tree<K, V> extends Writer<K, V> {
  /** @internal The same stored keys and values by other encodings. */
  static recoded<K, V>(tree: Tree<unknown, unknown>, keys: Codec<K>, values: Codec<V>): Tree<K, V> {
    return new Tree(tree.handle, new Keyspace(keys, values, tree.space.prefix), tree.pin);
  }

  /**
   * A part of the keys under a name, read and written like a database of its own. Making one costs nothing and writes
   * nothing. The ranges of its parent include its keys, with their prefix.
   *
   * @param name 1 to 255 characters of ASCII, without controls, space, `!` and `"`.
   * @example
   * ```ts
   * import { open } from 'coppice';
   *
   * const db = await open('./data');
   * const users = db.sublevel('users', { valueEncoding: 'json' });
   * await users.put('ada', { born: 1815 });
   * await db.batch([{ type: 'put', sublevel: users, key: 'grace', value: { born: 1906 } }]);
   * console.log(await users.count()); // 2
   * await db.close();
   * ```
   */
  sublevel<const KE extends KeyEncoding = never, const VE extends ValueEncoding = never>(
    name: string,
    options?: SublevelOptions<KE, VE>,
  ): Sublevel<DecodedOr<KE, K>, DecodedOr<VE, V>>;
  sublevel<K2, V2>(name: string, options?: SublevelOptions<KeyEncoding, ValueEncoding>): Sublevel<K2, V2>;
  sublevel(name: string, options: SublevelOptions<KeyEncoding, ValueEncoding> = {}): unknown {
    this.handle.live();
    if (typeof name !== 'string' || name.length > SUBLEVEL_NAME_MAX || !NAME.test(name)) {
      throw invalid('the name of a sublevel', '1 to 255 ASCII characters from "#" to "~"', name);
    }
    checkNames(options, SUBLEVEL);
    const { keys, values, prefix } = this.space;
    const keySpace = new Keyspace<unknown, unknown>(
      options.keyEncoding === undefined ? keys : keyCodec(options.keyEncoding),
      options.valueEncoding === undefined ? values : valueCodec(options.valueEncoding),
      `${prefix}!${name}!`,
    );
    return new Sublevel(this.handle, keySpace, this.pin, name);
  }

  /**
   * Runs a function whose reads and writes are one: its writes are committed when it is done, if what it has read still is so.
   * Else it is run again, on the newest state, up to `retries` times. Answers what the function has answered.
   *
   * The function must do nothing that it may not do twice, and use the transaction it is given: what it does with the
   * database itself is not part of it. If it throws, nothing is written and the error is the answer; if it ends the
   * transaction itself, by `rollback` for example, nothing more is done.
   *
   * @throws `COPPICE_CONFLICT` if others came in between each time; `details.keys` are the keys they changed at last.
   * @example
   * ```ts
   * import { open } from 'coppice';
   *
   * const db = await open('./data', { valueEncoding: 'json' });
   * await db.batch([
   *   { type: 'put', key: 'account/ada', value: 100 },
   *   { type: 'put', key: 'account/grace', value: 0 },
   * ]);
   * const left = await db.transaction(async (transaction) => {
   *   const [from, to] = await transaction.getMany(['account/ada', 'account/grace']);
   *   if (Number(from) < 30) throw new Error('not enough');
   *   transaction.put('account/ada', Number(from) - 30);
   *   transaction.put('account/grace', Number(to) + 30);
   *   return Number(from) - 30;
   * });
   * console.log(left); // 70
   * await db.close();
   * ```
   */
  transaction<T>(
    work: (transaction: Transaction<K, V>) => Promise<T> | T,
    options: TransactionOptions = {},
  ): Promise<T> {
    return runTransaction(this.handle, this.space, work, options);
  }

  /**
   * Begins a transaction, for programs that end it themselves: by `commit`, of which a conflict is an answer, or by `rollback`.
   * `using` ends it too.
   *
   * @example
   * ```ts
   * import { open } from 'coppice';
   *
   * const db = await open('./data');
   * await db.put('price', '10');
   * const change = db.begin({ beforeImages: true });
   * change.put('price', '12');
   * console.log(await change.get('price'), await db.get('price')); // 12 10
   * const answer = await change.commit();
   * if (!answer.ok) console.log('somebody was first', answer.conflicts);
   * await change.rollback();
   * console.log(await db.get('price')); // 10
   * change.release();
   * await db.close();
   * ```
   */
  begin(options: BeginOptions = {}): Transaction<K, V> {
    const state = new State(this.handle, beginSettings(options, this.handle));
    return new Transaction(state, this.space, 1);
  }

  /**
   * Brings what another database has changed since `base` into this one: a database that began as a copy of it, or a snapshot of
   * one. Keys that only that side has changed are written, as one commit. A key that both have changed, and not to the same,
   * is a conflict: nothing is written then, unless `conflicts` says what becomes of them. Of a sublevel its keys, and no
   * others. It costs what was changed, not what is there (see `diff`).
   *
   * Each key is written on the condition that it still is what was looked at, so that no write which comes in between is lost.
   *
   * @throws `COPPICE_TOO_LARGE` if it does not fit one commit: give `steps`; `COPPICE_CONFLICT` if others write to the same
   * keys all the time; as `diff` does for `base`.
   * @example
   * ```ts
   * import { rm } from 'node:fs/promises';
   * import { open } from 'coppice';
   *
   * const db = await open('./data-with-history', { history: true });
   * await db.put('price', '10');
   * const base = db.revision;
   * await rm('./rehearsal', { recursive: true, force: true });
   * await db.checkpoint({ to: './rehearsal' });
   * const rehearsal = await open('./rehearsal');
   * await rehearsal.put('price', '12');
   * const merged = await db.merge(rehearsal, { base });
   * if (!merged.ok) for (const { key, ours, theirs } of merged.conflicts) console.log(key, ours?.value, theirs?.value);
   * console.log(await db.get('price')); // 12
   * await rehearsal.close();
   * await db.close();
   * ```
   */
  async merge(from: Reader<unknown, unknown>, options: MergeOptions<K, V>): Promise<Merged | Unmerged<K, V>> {
    return merge({ handle: this.handle, space: this.space, pin: this.pin }, from, options);
  }
}

/** A part of the keys under a name: see `Database.sublevel`. It lives as long as its database. */
export class Sublevel<K, V> extends Tree<K, V> implements AnySublevel {
  /** The name it was made with. */
  readonly name: string;

  /** @internal */
  constructor(handle: Handle, space: Keyspace<K, V>, pin: Pin, name: string) {
    super(handle, space, pin);
    this.name = name;
  }

  /** What stands before every stored key of it: the names of its parents and its own. */
  get prefix(): string {
    return this.space.prefix;
  }
}
