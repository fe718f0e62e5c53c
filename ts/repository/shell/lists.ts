/**
 * The list of a field of heads: of many entries all but the newest are in an object of their own, which the head names. It is stored
 * before the head that names it and never changed.
 *
 * @module
 */

import { damaged, type Older } from '../formats/index.js';
import { type Head, listName } from '../protocol/index.js';
import { outcomeOf } from '../store/index.js';
import type { Counted } from './counted.js';
import { sha256Of } from './digest.js';

/** So many entries stay in the head when others go to a list. */
const KEPT = 32;

export interface ListOptions<T> {
  readonly decode: (key: string, body: Uint8Array) => readonly T[];
  /** Behind the nonce of the head in the name of the list, so that each field has its own. */
  readonly suffix: string;
  /** So many entries may be in the head before some of them go to a new list: at least as many as stay. */
  readonly most: number;
}

/** What a head says of a field. */
export interface Split<T> {
  readonly entries: readonly T[];
  readonly older: Older | undefined;
}

export class Lists<T> {
  readonly #store: Counted;
  readonly #options: ListOptions<T>;
  /** The one that was read or written last, which may stand in the next head as well. */
  #known: (Older & { readonly list: readonly T[] }) | undefined;

  constructor(store: Counted, options: ListOptions<T>) {
    this.#store = store;
    this.#options = options;
  }

  /** All entries; nothing if the list is not there. */
  async whole({ entries, older }: Split<T>): Promise<readonly T[] | undefined> {
    const list = older === undefined ? [] : await this.#read(older);
    return list && [...list, ...entries];
  }

  async #read({ key, sha256 }: Older): Promise<readonly T[] | undefined> {
    if (this.#known?.key === key) return this.#known.list;
    const found = await this.#store.get(key);
    if (found === undefined) return undefined;
    if ((await sha256Of(found.body)) !== sha256) throw damaged(key, 'its digest is another one');
    const list = this.#options.decode(key, found.body);
    this.#known = { key, sha256, list };
    return list;
  }

  /** Stores what has no room in that head. `isNamed`: whether the head that it replaces names a list. */
  async split(head: Head, all: readonly T[], isNamed: (key: string) => boolean): Promise<Split<T>> {
    const { suffix, most } = this.#options;
    if (all.length <= most) return { entries: all, older: undefined };
    const key = listName(head.branchId, head.epoch, `${head.nonce}${suffix}`);
    const known = this.#known;
    if (known !== undefined && (known.key === key || isNamed(known.key)) && all.length - known.list.length <= most) {
      const isSame = (await sha256Of(encode(all.slice(0, known.list.length)))) === known.sha256;
      if (isSame) return { entries: all.slice(known.list.length), older: { key: known.key, sha256: known.sha256 } };
    }
    const list = all.slice(0, -KEPT);
    const bytes = encode(list);
    const sha256 = await sha256Of(bytes);
    try {
      await this.#store.put(key, bytes, { ifNoneMatch: '*', sha256 });
    } catch (error) {
      // It is there: the same head is put a second time. A refusal for another reason is met again below.
      if (outcomeOf(error) !== 'lost' || (await this.#store.head(key)) === undefined) throw error;
    }
    this.#known = { key, sha256, list };
    return { entries: all.slice(-KEPT), older: { key, sha256 } };
  }
}

const encode = (list: readonly unknown[]) => Buffer.from(JSON.stringify(list));
