/**
 * Heads stay small: of the older checkpoints that a branch keeps, all but the newest are in a list of its own, which the
 * head names. A list is stored before the head that names it and never changed; it goes when that head has been replaced.
 *
 * What must hold: a head names the list of the head that it replaces, or one that was put for itself. So a list of an earlier
 * epoch than that of some head, which that head does not name, is named by none to come, and may go at any time.
 *
 * @module
 */

import { damaged, decodeHead, decodeOlder, encodeHead, type Older } from '../formats/index.js';
import { epochOfList, type Head, listName, type Named } from '../protocol/index.js';
import { type ObjectStore, outcomeOf } from '../store/index.js';
import { Counted } from './counted.js';
import { noCounts } from './counts.js';
import { sha256Of } from './digest.js';
import { getHead } from './head.js';

/** So many checkpoints are in the head itself. */
const RETAINED_MAX = 32;
/** So often a head may be replaced between reading it and reading its list. */
const READS_MAX = 8;

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
  /** A head that was read or written: the newest, or one not much older. */
  #seen: { readonly epoch: number; readonly key: string | undefined } | undefined;

  constructor(store: Counted) {
    this.#store = store;
  }

  /** The head, whole, with its ETag. */
  async get(key: string): Promise<{ head: Head; etag: string } | undefined> {
    for (let reads = 0; ; reads++) {
      const found = await getHead(this.#store, key);
      if (found === undefined) return undefined;
      const { older, ...head } = decodeHead(key, found.body);
      const { etag } = found;
      this.#seen = { epoch: head.epoch, key: older?.key };
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
    const older = head.retained.length > RETAINED_MAX ? await this.#keep(head, over) : undefined;
    const retained = older === undefined ? head.retained : head.retained.slice(-RETAINED_MAX);
    const etag = await send(encodeHead({ ...head, retained, ...(older && { older }) }));
    const before = this.#named;
    this.#named = older && { etag, key: older.key };
    this.#seen = { epoch: head.epoch, key: older?.key };
    // Another head that was read meanwhile is not the one that was replaced. If this fails a later owner collects it.
    if (before !== undefined && before.etag === over && before.key !== older?.key)
      await this.#store.del([before.key]).catch(() => {});
    return etag;
  }

  /** Of the names of a branch, those of lists that nobody needs: what owners before were kept from deleting. */
  leftOf(names: readonly string[]): readonly string[] {
    const { epoch = 0, key } = this.#seen ?? {};
    return names.filter((name) => name !== key && epochOfList(name) < epoch);
  }

  async #list({ key, sha256 }: Older): Promise<readonly Named[] | undefined> {
    if (this.#known?.key === key) return this.#known.list;
    const found = await this.#store.get(key);
    if (found === undefined) return undefined;
    if ((await sha256Of(found.body)) !== sha256) throw damaged(key, 'its digest is another one');
    const list = decodeOlder(key, found.body);
    this.#known = { key, sha256, list };
    return list;
  }

  async #keep({ branchId, epoch, nonce, retained }: Head, over: string | null): Promise<Older> {
    const list = retained.slice(0, -RETAINED_MAX);
    const bytes = Buffer.from(JSON.stringify(list));
    const sha256 = await sha256Of(bytes);
    const key = listName(branchId, epoch, nonce);
    const known = this.#known?.sha256 === sha256 ? this.#known.key : undefined;
    const isNamed = this.#named?.etag === over && this.#named?.key === known;
    if (known !== undefined && (isNamed || known === key)) return { key: known, sha256 };
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
