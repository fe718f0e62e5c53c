/**
 * A store that encrypts what it is given and is not encrypted already: slots and manifests, which hold keys and values of
 * users. Tables come encrypted from the engine, and heads hold nothing of users. The root says with which key its repository was begun, so
 * that another one is found out at once. `docs/formats/repository.md` gives the bytes.
 *
 * @module
 */

import { CoppiceError } from '../../errors.js';
import { Keyring, sealed, unsealed } from '../formats/index.js';
import { parseName } from '../protocol/index.js';
import {
  type ObjectStore,
  outcomeOf,
  type StoredHead,
  type StoredObject,
  type StoreGetOptions,
  type StoreListOptions,
  type StoreOptions,
  type StorePutOptions,
} from '../store/index.js';
import { sha256Of } from './digest.js';
import { ENCRYPTION, ROOT } from './root.js';

/** The store itself, if there is no key or it encrypts already. The first key is the current one. */
export function encryptedStore(store: ObjectStore, keys: readonly Uint8Array[] | undefined): ObjectStore {
  return keys === undefined || store instanceof EncryptedStore ? store : new EncryptedStore(store, new Keyring(keys));
}

interface Said {
  requires?: readonly string[];
  keyId?: string;
}

const isSealed = (key: string) => ['slot', 'manifest'].includes(parseName(key)?.kind as string);

class EncryptedStore implements ObjectStore {
  readonly location: string;
  readonly #store: ObjectStore;
  readonly #keys: Keyring;
  #announced: Promise<void> | undefined;

  constructor(store: ObjectStore, keys: Keyring) {
    this.location = store.location;
    this.#store = store;
    this.#keys = keys;
  }

  async get(key: string, options: StoreGetOptions = {}): Promise<StoredObject | undefined> {
    if (!isSealed(key) && key !== ROOT) return this.#store.get(key, options);
    const { range, ...rest } = options;
    const found = await this.#store.get(key, rest);
    if (found === undefined) return undefined;
    const body = isSealed(key) ? unsealed(this.#keys, key, found.body) : await this.#rootFor(found.body, rest);
    return { ...found, body: range === undefined ? body : body.subarray(...range) };
  }

  head(key: string, options?: StoreOptions): Promise<StoredHead | undefined> {
    return this.#store.head(key, options);
  }

  async put(key: string, body: Uint8Array, options: StorePutOptions = {}): Promise<{ etag: string }> {
    if (key === ROOT) return this.#store.put(key, this.#rootOf(body), options);
    if (!isSealed(key)) return this.#store.put(key, body, options);
    await this.#announce(options);
    const object = sealed(this.#keys, key, body);
    // Encrypted it is another body.
    const sha256 = options.sha256 === undefined ? undefined : await sha256Of(object);
    return this.#store.put(key, object, { ...options, sha256 });
  }

  list(prefix: string, options?: StoreListOptions): AsyncIterable<{ key: string; size: number }> {
    return this.#store.list(prefix, options);
  }

  del(keys: readonly string[], options?: StoreOptions): Promise<void> {
    return this.#store.del(keys, options);
  }

  /** What a new root says besides. */
  #rootOf(body: Uint8Array): Uint8Array {
    const root = JSON.parse(Buffer.from(body).toString()) as Said;
    const encrypted = { ...root, requires: [...(root.requires ?? []), ENCRYPTION], keyId: this.#keys.current.id };
    return Buffer.from(`${JSON.stringify(encrypted)}\n`);
  }

  /** The root for those who need not know that it is encrypted. What is no root is theirs to refuse. */
  async #rootFor(body: Uint8Array, options: StoreOptions): Promise<Uint8Array> {
    let root: Said;
    try {
      root = JSON.parse(Buffer.from(body).toString());
    } catch {
      return body;
    }
    const { requires = [], keyId, ...rest } = root;
    if (!requires.includes(ENCRYPTION)) {
      const message = `the repository in ${this.location} is not encrypted, and cannot come to be: that is chosen when one is made`;
      throw new CoppiceError('INVALID', message, { details: { option: 'encryption' } });
    }
    const isKnown = keyId !== undefined && this.#keys.find(keyId) !== undefined;
    if (!isKnown && (await this.#store.head(announcement(this.#keys.current.id), options)) === undefined) {
      const message = `the repository in ${this.location} is encrypted with key ${keyId}, which is none of those that were given`;
      throw new CoppiceError('WRONG_ENCRYPTION_KEY', message, { details: { key: ROOT } });
    }
    return Buffer.from(JSON.stringify({ ...rest, requires: requires.filter((name) => name !== ENCRYPTION) }));
  }

  /** Before a key is first used that the root does not name, so that those who have no other one are told from strangers. */
  #announce({ signal }: StoreOptions): Promise<void> {
    if (!this.#keys.hasEarlier) return Promise.resolve();
    this.#announced ??= this.#tell(signal).catch((error) => {
      this.#announced = undefined;
      throw error;
    });
    return this.#announced;
  }

  async #tell(signal: AbortSignal | undefined): Promise<void> {
    const { id } = this.#keys.current;
    try {
      await this.#store.put(announcement(id), Buffer.from(`{"format":1,"keyId":"${id}"}\n`), {
        ifNoneMatch: '*',
        signal,
      });
    } catch (error) {
      if (outcomeOf(error) !== 'lost') throw error;
    }
  }
}

const announcement = (id: string) => `keys/${id}`;
