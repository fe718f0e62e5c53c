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
  readonly checks: ProbeCheck[] = [];
  readonly #store: ObjectStore;
  readonly #options: StoreOptions;
  readonly #folder = `probe/${randomUUID()}`;
  readonly #keys = new Set<string>();

  constructor(store: ObjectStore, options: StoreOptions) {
    this.#store = store;
    this.#options = options;
  }

  async run(): Promise<void> {
    try {
      await this.#creates();
      await this.#replaces();
      await this.#races('create-race', 'of creates at once exactly one wins', false);
      await this.#races('replace-race', 'of replacements of one ETag at once exactly one wins', true);
      await this.#lists();
    } finally {
      await this.#removes();
    }
  }

  async #creates(): Promise<void> {
    const key = this.#key('create');
    const first = body();
    await this.#check('create', 'an object that is absent is created', () => this.#lands(key, first, ABSENT));
    await this.#check('read-back', 'it is read back at once, whole', () => this.#reads(key, first));
    await this.#check('range', 'a part of it is read', () => this.#readsRange(key, first));
    await this.#check('create-again', 'it is not created again', () => this.#loses(key, ABSENT, first));
    const missing = this.#key('missing');
    await this.#check('replace-absent', 'one that is absent is not replaced', () =>
      this.#loses(missing, { ifMatch: WRONG_ETAG }),
    );
  }

  async #replaces(): Promise<void> {
    const key = this.#key('replace');
    const first = body();
    const { etag: before } = await this.#put(key, first);
    await this.#check('replace-wrong', 'an object is not replaced on a wrong ETag', () =>
      this.#loses(key, { ifMatch: WRONG_ETAG }, first),
    );
    const second = body();
    await this.#check('replace', 'it is replaced on the right ETag', () =>
      this.#lands(key, second, { ifMatch: before }),
    );
    await this.#check('read-replaced', 'the replacement is read at once', () => this.#reads(key, second));
    await this.#check('replace-old', 'it is not replaced on the ETag of before', () =>
      this.#loses(key, { ifMatch: before }, second),
    );
  }

  /** Several at once, because one race would often be decided by chance. */
  async #races(name: string, what: string, replace: boolean): Promise<void> {
    const keys = Array.from({ length: RACES }, (_, race) => this.#key(`${name}-${race}`));
    const etags = replace ? await Promise.all(keys.map((key) => this.#put(key, body()))) : [];
    await this.#check(name, what, async () => {
      const found = await Promise.all(
        keys.map((key, race) => this.#race(key, replace ? { ifMatch: etags[race]?.etag as string } : ABSENT)),
      );
      return found.find((complaint) => complaint !== undefined);
    });
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

  async #lists(): Promise<void> {
    await this.#check(
      'list',
      'a list shows what is there',
      async () => {
        const listed = new Set<string>();
        for await (const { key } of this.#store.list(`${this.#folder}/`, this.#options)) listed.add(key);
        const absent = [...this.#keys].filter((key) => !listed.has(key) && !key.endsWith('/missing'));
        return absent.length === 0 ? undefined : `${absent.length} of ${this.#keys.size} objects were not listed`;
      },
      false,
    );
  }

  /** Also after a failure, and after the caller has given up. */
  async #removes(): Promise<void> {
    const keys = [...this.#keys];
    const what = 'what is deleted is gone';
    const complaint = async () => {
      await this.#store.del(keys);
      const left = await this.#store.get(keys[0] as string);
      return left && `an object was read after it was deleted`;
    };
    await this.#check('delete', what, () => complaint().catch((error: Error) => error.message), false);
  }

  async #check(name: string, what: string, look: () => Promise<string | undefined>, needed = true): Promise<void> {
    const began = performance.now();
    const found = await look();
    const ms = Math.round((performance.now() - began) * 10) / 10;
    this.checks.push({ name, what, ok: found === undefined, needed, ms, ...(found !== undefined && { found }) });
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

  #put(key: string, bytes: Buffer, condition: Condition = {}): Promise<{ etag: string }> {
    return this.#store.put(key, bytes, { ...condition, ...this.#options });
  }

  #key(name: string): string {
    const key = `${this.#folder}/${name}`;
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
 * It takes 52 small requests, and 21 times as long as one. A store that passes may still fail one day; one that
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
  const run = new Probe(store, options);
  await run.run();
  const ok = run.checks.every((check) => check.ok || !check.needed);
  return { ok, location: store.location, checks: run.checks };
}

/** Throws `COPPICE_STORE` unless the store passes: what stands between a repository and a store that would lose it. */
export async function requireSound(store: ObjectStore, options: StoreOptions = {}): Promise<void> {
  const { ok, location, checks } = await probe(store, options);
  if (ok) return;
  const failed = checks.filter((check) => check.needed && !check.ok);
  const reasons = failed.map(({ what, found }) => `it should be that ${what}, but ${found}`).join('; ');
  const message = `${location} cannot hold a repository: ${reasons}`;
  throw new CoppiceError('STORE', message, { details: { reason: 'unsound', failed: failed.map(({ name }) => name) } });
}
