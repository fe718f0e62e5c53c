/**
 * Finding out whether a store keeps what a repository rests on. Some that call themselves S3 ignore the conditions of a
 * put, or honour them unless two come at once; such a store loses acknowledged writes without a word.
 *
 * @module
 */

import { randomBytes, randomUUID } from 'node:crypto';
import { CoppiceError } from '../../errors.js';
import { checkNames, signal as checkSignal, names } from '../../options/check.js';
import { outcomeOf } from './failures.js';
import type { ObjectStore, StoreOptions } from './object-store.js';

/** One property of a store, and whether it was found. */
export interface ProbeCheck {
  /** Stable; see `docs/stores.md`. */
  name: string;
  /** What should be, in words. */
  what: string;
  ok: boolean;
  /** Whether a repository rests on it. */
  needed: boolean;
  /** How long it took, in milliseconds. */
  ms: number;
  /** What was found instead. */
  found?: string;
}

/** What `probe` found of a store. */
export interface ProbeReport {
  /** Whether everything needed was found: conditional puts hold, and reads see what was put. */
  ok: boolean;
  /** Which store it was. */
  location: string;
  checks: ProbeCheck[];
}

/** Keys on which puts race at once, with so many puts each. */
const RACES = 4;
const RACERS = 3;
/** As every ETag of S3: 32 hexadecimal digits. */
const WRONG_ETAG = `"${'0'.repeat(31)}1"`;
const PROBE = names('probe', ['signal']);

class Probe {
  readonly #store: ObjectStore;
  readonly #options: StoreOptions;
  /** All in one folder, which a folder store does not remove. */
  readonly #prefix = `probe/${randomUUID()}-`;
  readonly #keys = new Set<string>();

  constructor(store: ObjectStore, options: StoreOptions) {
    this.#store = store;
    this.#options = options;
  }

  async run(): Promise<ProbeCheck[]> {
    const checks: ProbeCheck[] = [];
    try {
      // What it takes to load and connect is no latency of the store.
      await this.#store.get(this.#key('create'), this.#options);
      const groups = await Promise.allSettled([
        this.#creates(),
        this.#replaces(),
        this.#races('create-race', 'of creates at once exactly one wins', false),
        this.#races('replace-race', 'of replacements of one ETag at once exactly one wins', true),
      ]);
      for (const group of groups) {
        if (group.status === 'rejected') throw group.reason;
        checks.push(...group.value);
      }
      checks.push(await this.#lists());
    } finally {
      // Also after a failure, and after the caller has given up.
      checks.push(await this.#removes());
    }
    return checks;
  }

  async #creates(): Promise<ProbeCheck[]> {
    const key = this.#key('create');
    const missing = this.#key('missing');
    const first = body();
    return [
      await this.#check('create', 'an object that is absent is created', () => this.#lands(key, first, ABSENT)),
      await this.#check('read-back', 'it is read back at once, whole', () => this.#reads(key, first)),
      await this.#check('range', 'a part of it is read', () => this.#readsRange(key, first)),
      await this.#check('create-again', 'it is not created again', () => this.#loses(key, ABSENT, first)),
      await this.#check('replace-absent', 'one that is absent is not replaced', () =>
        this.#loses(missing, { ifMatch: WRONG_ETAG }),
      ),
    ];
  }

  async #replaces(): Promise<ProbeCheck[]> {
    const key = this.#key('replace');
    const [first, second] = [body(), body()];
    const { etag: before } = await this.#put(key, first);
    return [
      await this.#check('replace-wrong', 'an object is not replaced on a wrong ETag', () =>
        this.#loses(key, { ifMatch: WRONG_ETAG }, first),
      ),
      await this.#check('replace', 'it is replaced on the right ETag', () =>
        this.#lands(key, second, { ifMatch: before }),
      ),
      await this.#check('read-replaced', 'the replacement is read at once', () => this.#reads(key, second)),
      await this.#check('replace-old', 'it is not replaced on the ETag of before', () =>
        this.#loses(key, { ifMatch: before }, second),
      ),
    ];
  }

  /** Several at once, because one race would often be decided by chance. */
  async #races(name: string, what: string, replace: boolean): Promise<ProbeCheck[]> {
    const keys = Array.from({ length: RACES }, (_, race) => this.#key(`${name}-${race}`));
    const etags = replace ? await Promise.all(keys.map((key) => this.#put(key, body()))) : [];
    const race = async () => {
      const found = await Promise.all(
        keys.map((key, index) => this.#race(key, replace ? { ifMatch: etags[index]?.etag as string } : ABSENT)),
      );
      return found.find((complaint) => complaint !== undefined);
    };
    return [await this.#check(name, what, race)];
  }

  async #race(key: string, condition: Condition): Promise<string | undefined> {
    const bodies = Array.from({ length: RACERS }, body);
    const ends = await Promise.allSettled(bodies.map((bytes) => this.#put(key, bytes, condition)));
    for (const end of ends) if (end.status === 'rejected' && outcomeOf(end.reason) !== 'lost') throw end.reason;
    const winners = bodies.filter((_, racer) => ends[racer]?.status === 'fulfilled');
    if (winners.length !== 1) return `${winners.length} of ${RACERS} puts were told that they had landed`;
    const complaint = await this.#reads(key, winners[0] as Buffer);
    return complaint && `after the race: ${complaint}`;
  }

  #lists(): Promise<ProbeCheck> {
    const look = async () => {
      const listed = new Set<string>();
      for await (const { key } of this.#store.list(this.#prefix, this.#options)) listed.add(key);
      const absent = [...this.#keys].filter((key) => !listed.has(key) && !key.endsWith('-missing'));
      return absent.length === 0 ? undefined : `${absent.length} of ${this.#keys.size} objects were not listed`;
    };
    return this.#check('list', 'a list shows what is there', look, false);
  }

  #removes(): Promise<ProbeCheck> {
    const keys = [...this.#keys];
    const look = async () => {
      await this.#store.del(keys);
      const left = await this.#store.get(keys[0] as string);
      return left && 'an object was read after it was deleted';
    };
    const complaint = () => look().catch((error: Error) => error.message);
    return this.#check('delete', 'what is deleted is gone', complaint, false);
  }

  async #check(
    name: string,
    what: string,
    look: () => Promise<string | undefined>,
    needed = true,
  ): Promise<ProbeCheck> {
    const began = performance.now();
    const found = await look();
    const ms = Math.round((performance.now() - began) * 10) / 10;
    return { name, what, ok: found === undefined, needed, ms, ...(found !== undefined && { found }) };
  }

  async #lands(key: string, bytes: Buffer, condition: Condition): Promise<string | undefined> {
    try {
      await this.#put(key, bytes, condition);
      return undefined;
    } catch (error) {
      if (outcomeOf(error) !== 'lost') throw error;
      return `it was refused: ${(error as Error).message}`;
    }
  }

  async #loses(key: string, condition: Condition, there?: Buffer): Promise<string | undefined> {
    try {
      await this.#put(key, body(), condition);
      return `the store ignored ${condition.ifMatch === undefined ? 'If-None-Match' : 'If-Match'} and wrote`;
    } catch (error) {
      if (outcomeOf(error) !== 'lost') throw error;
    }
    const complaint = there && (await this.#reads(key, there));
    return complaint && `though the put was told that it had lost, ${complaint}`;
  }

  async #reads(key: string, bytes: Buffer): Promise<string | undefined> {
    const found = await this.#store.get(key, this.#options);
    if (found === undefined) return 'a get did not find it';
    return bytes.equals(found.body) ? undefined : 'a get answered something else than was put last';
  }

  async #readsRange(key: string, bytes: Buffer): Promise<string | undefined> {
    const found = await this.#store.get(key, { ...this.#options, range: [3, 9] });
    return found !== undefined && bytes.subarray(3, 9).equals(found.body) ? undefined : 'a get answered other bytes';
  }

  /** Asynchronous also where a store of somebody's own throws. */
  async #put(key: string, bytes: Buffer, condition: Condition = {}): Promise<{ etag: string }> {
    return this.#store.put(key, bytes, { ...condition, ...this.#options });
  }

  #key(name: string): string {
    const key = this.#prefix + name;
    this.#keys.add(key);
    return key;
  }
}

interface Condition {
  ifNoneMatch?: '*';
  ifMatch?: string;
}

const ABSENT: Condition = { ifNoneMatch: '*' };

/** Each another one, so that ETags made of contents differ too. */
function body(): Buffer {
  return randomBytes(24);
}

/**
 * Finds out whether conditional puts of a store hold and reads see what was put, by trying: creates and replacements that
 * must win, that must lose, that race. Leaves nothing behind but after a crash: objects below `probe/`, which may go.
 *
 * It takes 53 small requests, many at once, and a dozen times as long as one. A store that passes may still fail one day; one that
 * does not must not be trusted with anything.
 *
 * @throws `COPPICE_STORE` if the store cannot be reached or used at all; `COPPICE_ABORTED`.
 * @example
 * ```ts
 * import { memoryStore, probe } from 'coppice';
 *
 * const { ok, checks } = await probe(memoryStore());
 * console.log(ok, checks.filter((check) => !check.ok));
 * ```
 */
export async function probe(store: ObjectStore, options: StoreOptions = {}): Promise<ProbeReport> {
  checkNames(options, PROBE);
  if (options.signal !== undefined) checkSignal(options.signal);
  const checks = await new Probe(store, options).run();
  return { ok: checks.every(({ ok, needed }) => ok || !needed), location: store.location, checks };
}

/** Throws `COPPICE_STORE` unless the store passes: what stands between a repository and a store that would lose it. */
export async function requireSound(store: ObjectStore, options: StoreOptions = {}): Promise<void> {
  const { ok, location, checks } = await probe(store, options);
  if (ok) return;
  const failed = checks.filter((check) => check.needed && !check.ok);
  const reasons = failed.map(({ what, found }) => `it should be that ${what}, but ${found}`).join('; ');
  const message = `${location} cannot hold a repository: ${reasons}`;
  throw new CoppiceError('STORE', message, {
    details: { reason: 'unsound', retry: false, failed: failed.map(({ name }) => name) },
  });
}
