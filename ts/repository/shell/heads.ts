/**
 * Heads stay small: of the older checkpoints that a branch keeps, and of the pins of branches that have grown from it, all but
 * the newest are in lists, which the head names. A list goes when the head has been replaced that named it.
 *
 * What must hold: a head names the lists of the head that it replaces, or some that were put for itself. So a list of an earlier
 * epoch than that of some head, which that head does not name, is named by none to come, and may go at any time.
 *
 * @module
 */

import { damaged, decodeHead, decodeOlder, decodeOlderPins, encodeHead } from '../formats/index.js';
import { branchPrefix, epochOfList, HEADS, type Head, isRetired } from '../protocol/index.js';
import type { ObjectStore } from '../store/index.js';
import { Budget } from './budget.js';
import { Counted } from './counted.js';
import { noCounts } from './counts.js';
import { getHead } from './head.js';
import { Lists } from './lists.js';

/** So many checkpoints are in the head itself. */
const RETAINED_MAX = 32;
/** And so many pins: a list is put anew for every so many branches only. */
const PINS_MAX = 64;
/** So often a head may be replaced between reading it and reading its lists. */
const READS_MAX = 8;

/** A head, read by someone who changes none. */
export async function readHead(
  store: ObjectStore,
  key: string,
  signal: AbortSignal = new AbortController().signal,
): Promise<Head | undefined> {
  const reader = new Counted(store, noCounts(), signal);
  return (await new Heads(reader).get(key))?.head;
}

/** The keys of all heads in a store, also of those that have no name any more. */
export async function headKeys(store: ObjectStore): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(HEADS)) keys.push(key);
  return keys;
}

/** What is told of each head in a store that has its name still, in the order of the names; many are read at once. */
export async function ofHeads<T>(
  store: ObjectStore,
  tell: (head: Head) => Promise<T> | undefined,
): Promise<Awaited<T>[]> {
  const keys = (await headKeys(store)).filter((key) => !isRetired(key));
  const budget = new Budget();
  const read = async (key: string) => {
    const head = await readHead(store, key);
    return head && tell(head);
  };
  const told = await Promise.all(keys.map((key) => budget.take(0, () => read(key))));
  return told.filter((one) => one !== undefined);
}

/** A head as it is stored: of its fields that are lists only the newest entries. */
type Listed = ReturnType<typeof decodeHead>;

export class Heads {
  readonly #store: Counted;
  readonly #fields: Fields;
  /** The lists that a head names, so that they go with that one and no other. */
  #named: { readonly etag: string; readonly keys: readonly string[] } | undefined;
  /** A head that was read or written: the newest, or one not much older. */
  #seen: { readonly branchId: string; readonly epoch: number; readonly keys: readonly string[] } | undefined;

  constructor(store: Counted) {
    this.#store = store;
    this.#fields = new Fields(store);
  }

  /** The head, whole, with its ETag. */
  async get(key: string): Promise<{ head: Head; etag: string } | undefined> {
    for (let reads = 0; ; reads++) {
      const found = await getHead(this.#store, key);
      if (found === undefined) return undefined;
      const said = decodeHead(key, found.body);
      const { etag } = found;
      const keys = keysOf(said);
      this.#seen = { branchId: said.branchId, epoch: said.epoch, keys };
      const head = await this.#fields.whole(said);
      if (head !== undefined) {
        if (keys.length > 0) this.#named = { etag, keys };
        return { head, etag };
      }
      if (reads >= READS_MAX) throw damaged(keys.join(' '), 'the head names it, and it is missing');
    }
  }

  /**
   * Puts what `send` is given: the bytes of a head, over the one with that ETag. Answers what `send` has answered, the ETag
   * of the new one.
   */
  async put(head: Head, over: string | null, send: (bytes: Uint8Array) => Promise<string>): Promise<string> {
    const isNamed = (key: string) => this.#named?.etag === over && this.#named.keys.includes(key);
    const said = await this.#fields.split(head, isNamed);
    const etag = await send(encodeHead(said));
    const before = this.#named;
    const keys = keysOf(said);
    this.#named = keys.length > 0 ? { etag, keys } : undefined;
    this.#seen = { branchId: head.branchId, epoch: head.epoch, keys };
    // Another head that was read meanwhile is not the one that was replaced. If this fails a later owner collects it.
    const left = before?.etag === over ? before.keys.filter((key) => !keys.includes(key)) : [];
    if (left.length > 0) await this.#store.del(left).catch(() => {});
    return etag;
  }

  /** Of the names of a branch, those of lists that nobody needs: what owners before were kept from deleting. */
  leftOf(names: readonly string[]): readonly string[] {
    const { branchId = '', epoch = 0, keys = [] } = this.#seen ?? {};
    const own = names.filter((name) => name.startsWith(branchPrefix(branchId)));
    return own.filter((name) => !keys.includes(name) && epochOfList(name) < epoch);
  }
}

/** The lists of a head, and those of the one in it that is to stand under a retired name. */
class Fields {
  readonly #store: Counted;
  readonly #retained: Lists<Head['retained'][number]>;
  readonly #pins: Lists<Head['pins'][number]>;
  #retiring: Fields | undefined;

  constructor(store: Counted) {
    this.#store = store;
    this.#retained = new Lists(store, { decode: decodeOlder, suffix: '', most: RETAINED_MAX });
    this.#pins = new Lists(store, { decode: decodeOlderPins, suffix: '-pins', most: PINS_MAX });
  }

  get #ofRetiring(): Fields {
    this.#retiring ??= new Fields(this.#store);
    return this.#retiring;
  }

  /** Nothing if a list is not there. */
  async whole({ older, olderPins, ...head }: Listed): Promise<Head | undefined> {
    const retained = await this.#retained.whole({ entries: head.retained, older });
    const pins = await this.#pins.whole({ entries: head.pins, older: olderPins });
    const retiring = head.retiring && (await this.#ofRetiring.whole(head.retiring));
    if (retained === undefined || pins === undefined || retiring === undefined) return undefined;
    return { ...head, retained, pins, retiring };
  }

  async split(head: Head, isNamed: (key: string) => boolean): Promise<Listed> {
    const retained = await this.#retained.split(head, head.retained, isNamed);
    const pins = await this.#pins.split(head, head.pins, isNamed);
    const retiring = head.retiring && (await this.#ofRetiring.split(head.retiring, isNamed));
    return {
      ...head,
      retained: retained.entries,
      pins: pins.entries,
      retiring,
      ...(retained.older && { older: retained.older }),
      ...(pins.older && { olderPins: pins.older }),
    };
  }
}

function keysOf({ older, olderPins, retiring }: Listed): readonly string[] {
  const own = [older, olderPins].flatMap((list) => (list === undefined ? [] : [list.key]));
  return retiring === null ? own : [...own, ...keysOf(retiring)];
}
