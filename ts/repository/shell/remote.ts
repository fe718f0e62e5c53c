/**
 * Carries out what a machine asks of the store: objects become bytes and back, and the answer is what the store said.
 *
 * @module
 */

import { readFile } from 'node:fs/promises';
import { decodeManifest, decodeSlot, encodeManifest, encodeSlot } from '../formats/index.js';
import {
  type Answer,
  HEADS,
  type Head,
  type Manifest,
  parseName,
  type Request,
  type Slot,
  slotName,
  type Table,
} from '../protocol/index.js';
import { outcomeOf } from '../store/index.js';
import { Ahead } from './ahead.js';
import type { Budget } from './budget.js';
import type { Counted } from './counted.js';
import { sha256Of } from './digest.js';
import { Heads } from './heads.js';

/** Where the file of a table is, on this disk. */
export type PathOf = (id: string) => string | undefined;

export class Remote {
  readonly #store: Counted;
  readonly #uploads: Budget;
  readonly #pathOf: PathOf;
  readonly #ahead: Ahead;
  readonly #heads: Heads;

  constructor(store: Counted, uploads: Budget, pathOf: PathOf) {
    this.#store = store;
    this.#uploads = uploads;
    this.#pathOf = pathOf;
    this.#heads = new Heads(store);
    this.#ahead = new Ahead((key) => store.get(key));
  }

  /** The answer to a request of the store; nothing for any other. Rejects if nobody knows what came of it. */
  async carry(request: Request): Promise<Answer | undefined> {
    switch (request.type) {
      case 'get':
        return this.#get(request.key, request.ahead ?? 0);
      case 'put':
        return this.#put(request);
      case 'look':
        return (await this.#store.head(request.key)) === undefined
          ? { type: 'missing' }
          : { type: 'found', body: null, etag: '' };
      case 'list':
        return this.#list(request);
      case 'delete':
        await this.#store.del(request.keys);
        return { type: 'done' };
      default:
        return undefined;
    }
  }

  /** Fetches slots that exist, from one up to another, because they will be asked for. What fails is asked for then. */
  ahead(branchId: string, from: number, to: number): void {
    if (from < to) this.#ahead.begin(slotNames(branchId, from, to)).catch(() => {});
  }

  /** What is left of lists, which the machine does not know of, is deleted where somebody is about to delete. */
  async #list({ prefix, after, before }: Request & { type: 'list' }): Promise<Answer> {
    const keys = await this.#store.list(prefix, { after, before });
    const left = this.#heads.leftOf(keys);
    if (left.length > 0) await this.#store.del(left);
    return { type: 'listed', keys };
  }

  async #get(key: string, ahead: number): Promise<Answer> {
    const name = parseName(key);
    if (key.startsWith(HEADS)) {
      const found = await this.#heads.get(key);
      return found === undefined ? { type: 'missing' } : { type: 'found', body: found.head, etag: found.etag };
    }
    if (name?.kind === 'slot') {
      const [, branchId = ''] = key.split('/');
      const found = await this.#ahead.get(slotNames(branchId, name.slot, name.slot + ahead + 1));
      return found === undefined
        ? { type: 'missing' }
        : { type: 'found', body: decodeSlot(key, found.body), etag: found.etag };
    }
    const found = await this.#store.get(key);
    return found === undefined
      ? { type: 'missing' }
      : { type: 'found', body: await decodeManifest(key, found.body), etag: found.etag };
  }

  async #put({ key, body, etag }: Request & { type: 'put' }): Promise<Answer> {
    const condition = etag === null ? ({ ifNoneMatch: '*' } as const) : { ifMatch: etag };
    const send = async (bytes: Uint8Array, sha256?: string): Promise<string> =>
      this.#store.put(key, bytes, { ...condition, sha256: sha256 ?? (await sha256Of(bytes)) });
    const kind = key.startsWith(HEADS) ? 'head' : parseName(key)?.kind;
    try {
      switch (kind) {
        case 'head':
          return { type: 'stored', etag: await this.#heads.put(body as Head, etag, send) };
        case 'slot':
          return { type: 'stored', etag: await send(encodeSlot(body as Slot)) };
        case 'table':
          return await this.#putTable(body as Table & { bytes: number }, send);
        default:
          return { type: 'stored', etag: await send(await encodeManifest(body as Manifest)) };
      }
    } catch (error) {
      if (outcomeOf(error) === 'lost') return { type: 'lost' };
      throw error;
    }
  }

  #putTable(
    { id, sha256, bytes }: Table & { bytes: number },
    send: (bytes: Uint8Array, sha256: string) => Promise<string>,
  ): Promise<Answer> {
    return this.#uploads.take(bytes, async () => {
      const path = this.#pathOf(id);
      // Its checkpoint has been given up meanwhile.
      if (path === undefined) return { type: 'unknown', why: 'the table is not kept any more' };
      return { type: 'stored', etag: await send(await readFile(path), sha256) };
    });
  }
}

function slotNames(branchId: string, from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, n) => slotName(branchId, from + n));
}
