/**
 * Heads stay small: of the older checkpoints that a branch keeps, all but the newest are in a list of its own, which the
 * head names. A list is stored before the head that names it and never changed; it goes when that head has been replaced.
 *
 * @module
 */

import { damaged, decodeHead, encodeHead } from '../formats/index.js';
import { branchPrefix, type Head, type Named } from '../protocol/index.js';
import { type ObjectStore, outcomeOf } from '../store/index.js';
import { Counted } from './counted.js';
import { noCounts } from './counts.js';
import { sha256Of } from './digest.js';
import { getHead } from './head.js';

/** So many checkpoints are in the head itself. */
const RETAINED_MAX = 32;
/** So often a head may be replaced between reading it and reading its list. */
const READS_MAX = 8;

/** Where the older ones are. */
interface Older {
  readonly key: string;
  readonly sha256: string;
}

type Stored = Head & { readonly older?: Older };

/** A head, read by someone who changes none. */
export async function readHead(store: ObjectStore, key: string): Promise<Head | undefined> {
  const reader = new Counted(store, noCounts(), new AbortController().signal);
  return (await new Heads(reader).get(key))?.head;
}

export class Heads {
  readonly #store: Counted;
  /** The list that was read or written last, which may stand in the next head as well. */
  #known: (Older & { readonly list: readonly Named[] }) | undefined;
  /** By head, so that it goes with that one and no other. */
  #named: { readonly etag: string; readonly key: string } | undefined;

  constructor(store: Counted) {
    this.#store = store;
  }

  /** The head, whole, with its ETag. */
  async get(key: string): Promise<{ head: Head; etag: string } | undefined> {
    for (let reads = 0; ; reads++) {
      const found = await getHead(this.#store, key);
      if (found === undefined) return undefined;
      const { older, ...head }: Stored = decodeHead(key, found.body);
      const { etag } = found;
      if (older === undefined) return { head, etag };
      const list = await this.#list(older);
      if (list !== undefined) {
        this.#named = { etag, key: older.key };
        return { head: { ...head, retained: [...list, ...head.retained] }, etag };
      }
      if (reads >= READS_MAX) throw damaged(older.key, 'the head names it, and it is missing');
    }
  }

  /**
   * Puts what `send` is given: the bytes of a head, over the one with that ETag. Answers what `send` has answered, the ETag
   * of the new one.
   */
  async put(head: Head, over: string | null, send: (bytes: Uint8Array) => Promise<string>): Promise<string> {
    const older = head.retained.length > RETAINED_MAX ? await this.#keep(head) : undefined;
    const retained = older === undefined ? head.retained : head.retained.slice(-RETAINED_MAX);
    const etag = await send(encodeHead({ ...head, retained, ...(older && { older }) } as Head));
    const before = this.#named;
    this.#named = older && { etag, key: older.key };
    // Another head that was read meanwhile is not the one that was replaced. What is left if this fails is some kilobytes.
    if (before !== undefined && before.etag === over && before.key !== older?.key)
      await this.#store.del([before.key]).catch(() => {});
    return etag;
  }

  async #list({ key, sha256 }: Older): Promise<readonly Named[] | undefined> {
    if (this.#known?.key === key) return this.#known.list;
    const found = await this.#store.get(key);
    if (found === undefined) return undefined;
    if ((await sha256Of(found.body)) !== sha256) throw damaged(key, 'its digest is another one');
    const list = JSON.parse(Buffer.from(found.body).toString()) as Named[];
    this.#known = { key, sha256, list };
    return list;
  }

  async #keep({ branchId, nonce, retained }: Head): Promise<Older> {
    const list = retained.slice(0, -RETAINED_MAX);
    const bytes = Buffer.from(JSON.stringify(list));
    const sha256 = await sha256Of(bytes);
    if (this.#known?.sha256 === sha256) return { key: this.#known.key, sha256 };
    const key = `${branchPrefix(branchId)}lists/${nonce}`;
    try {
      await this.#store.put(key, bytes, { ifNoneMatch: '*', sha256 });
    } catch (error) {
      // It is there: the same head is put a second time. A refusal for another reason is met again below.
      if (outcomeOf(error) !== 'lost' || (await this.#store.head(key)) === undefined) throw error;
    }
    this.#known = { key, sha256, list };
    return { key, sha256 };
  }
}
