/**
 * A part of the keys under a name, with encodings of its own.
 *
 * The stored key is `!name!` and then the key, nested sublevels in a row (`!a!!b!`), as in Level: both see the same data.
 *
 * @module
 */

import { type Decoded, type KeyEncoding, keyCodec, type ValueEncoding, valueCodec } from './encoding/index.js';
import { invalid } from './errors.js';
import type { Handle } from './handle.js';
import { Keyspace } from './keyspace.js';
import { SUBLEVEL_NAME_MAX } from './limits.js';
import { checkNames, names } from './options/check.js';
import type { Pin } from './pin.js';
import { type AnySublevel, Writer } from './writer.js';

/** The encodings of a sublevel. Default: those of its parent. */
export interface SublevelOptions<K extends KeyEncoding, V extends ValueEncoding> {
  keyEncoding?: K;
  valueEncoding?: V;
}

const SUBLEVEL = names('sublevel', ['keyEncoding', 'valueEncoding']);
/** Between `"`, which ends the range of a sublevel, and DEL. */
const NAME = /^[#-~]+$/;

/** The type of a sublevel's keys or values: as its encoding says, or as the parent's. */
export type DecodedOr<E, Parent> = [E] extends [never] ? Parent : Decoded<E>;

/** What has sublevels. */
export class Tree<K, V> extends Writer<K, V> {
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
