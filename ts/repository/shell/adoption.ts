/**
 * A database that was there before becomes the first content of a new branch. Its tables are stored, then a manifest of
 * them, then a head that names it, which is created or not: of several who try one wins, and whoever loses has changed
 * nothing of its own. Whatever moment it is stopped at, nothing is lost, and it can be begun again.
 *
 * What must hold, in this order: the mark is written before an object is put; the position is written before the head is
 * put, so that from then on nobody writes to the folder without the store; the mark goes when the head is known to be there.
 *
 * @module
 */

import { randomUUID } from 'node:crypto';
import { CoppiceError } from '../../errors.js';
import {
  type Answer,
  adopted,
  adoptedAt,
  branchPrefix,
  type Head,
  headName,
  type Made,
  type Manifest,
  manifestName,
  type Parsed,
  type Position,
  parseName,
  type Request,
  retiredName,
  sha256,
  slotName,
  type Table,
  tableName,
} from '../protocol/index.js';
import type { Disk } from './disk.js';
import { branchOfOthers, isPassing } from './errors.js';
import { KeepAlive } from './keep-alive.js';
import type { Mark } from './mark.js';
import type { ShellOptions } from './options.js';
import { pause } from './outage.js';
import type { Place } from './place.js';
import { tellProgress, tellTrying } from './progress.js';
import type { Remote } from './remote.js';

export interface Adopting {
  readonly options: ShellOptions;
  readonly place: Place;
  readonly mark: Mark;
  readonly disk: Disk;
  readonly remote: Remote;
  /** Ends it. */
  readonly signal: AbortSignal;
}

type Put = Request & { readonly type: 'put' };
/** As the engine says of it besides. */
type Sized = Table & { readonly bytes?: number };

/** Of a digest, in the name of a table. */
const DIGITS = 16;

/** Resolves when the branch is there, and the folder is its disk; `COPPICE_EXISTS` if another one has its name. */
export async function adopt(adopting: Adopting): Promise<void> {
  const keepAlive = new KeepAlive();
  keepAlive.set(true);
  await new Adoption(adopting).run().finally(() => keepAlive.set(false));
}

class Adoption {
  readonly #with: Adopting;

  constructor(adopting: Adopting) {
    this.#with = adopting;
  }

  async run(): Promise<void> {
    const { mark, place, options } = this.#with;
    const key = headName(options.branch);
    for (;;) {
      const found = await this.#ask({ type: 'get', key });
      const before = found.type === 'found' ? (found.body as Head) : undefined;
      // The name of a branch that is gone is free, unless it may have been this one.
      const isFree = before === undefined || (before.state === 'gone' && place.remembered.local === null);
      if (!isFree) return this.#settle(before);
      const made = await this.#upload(before?.epoch ?? 0);
      if (made === undefined) continue;
      const { head, position } = made;
      // From here on the folder is opened with the store only: what is written to it has to be shipped.
      await place.reach({ branchId: head.branchId, position });
      // Rule never-another: it is created, or there is another one.
      const etag = found.type === 'found' ? found.etag : null;
      if ((await this.#ask({ type: 'put', key, body: head, etag })).type === 'stored') return mark.remove();
    }
  }

  /** There is a head: ours, which an attempt before has put, or that of somebody else. */
  async #settle({ branchId, lineage }: Head): Promise<void> {
    const { mark, place, options } = this.#with;
    const own = mark.marked.branchId;
    const isRetired = async () =>
      (await this.#ask({ type: 'get', key: headName(retiredName(options.branch, own)) })).type === 'found';
    // What has replaced it may need all that was stored; under its retired name it may not stand yet.
    const isOurs = branchId === own || lineage.includes(own) || (await isRetired());
    const mayBeOurs = place.remembered.local !== null;
    if (isOurs && mayBeOurs) return mark.remove();
    // First: from then on the folder is what it was.
    if (mayBeOurs) await place.remove();
    if (!isOurs && mark.marked.attempt > 0) {
      // Nobody reads it, nor what stays if this fails.
      const removed = this.#stored().then((keys) => this.#ask({ type: 'delete', keys }));
      await removed.catch(() => {});
      await mark.remove();
    }
    throw branchOfOthers(options.branch, options.store, options.folder);
  }

  /** Stores everything but the head, which it answers; nothing if a name was taken, which is not given again. */
  async #upload(epochBefore: number): Promise<{ head: Head; position: Position } | undefined> {
    const { mark, disk, options } = this.#with;
    // If the options contradict the database, or it is damaged, nothing has been done yet.
    const { seq, revision, timeMs, engine, tables: made, trimRevision } = await disk.whole();
    await mark.begin();
    const { branchId, attempt: epoch } = mark.marked;
    const tables = await this.#tables(made);
    const [n, position] = [tables.length + 1, adoptedAt(branchId, seq, revision)];
    const manifest: Manifest = { branchId, epoch, n, seq, revision, timeMs, position, engine, tables };
    const digest = sha256(JSON.stringify(manifest));
    const key = manifestName(branchId, manifest);
    if ((await this.#ask({ type: 'put', key, body: manifest, etag: null })).type !== 'stored') {
      // Rule look-again: this very put may have met itself; a copy of this folder may have given the same name.
      const found = await this.#ask({ type: 'get', key });
      if (found.type !== 'found' || sha256(JSON.stringify(found.body)) !== digest) return undefined;
    }
    const { branch: name, policy } = options;
    const head = adopted({ name, nonce: randomUUID(), policy, epochBefore, manifest, digest, trimRevision });
    return { head, position };
  }

  /** The tables under the names that they have in the store, when all of them are there. */
  async #tables(made: readonly Made[]): Promise<readonly Table[]> {
    const { branchId, attempt: epoch } = this.#with.mark.marked;
    // Under a name with this digest an attempt before has stored these bytes.
    const before = new Map<string, Parsed | undefined>();
    if (epoch > 1) for (const key of await this.#stored()) before.set(key.slice(-DIGITS), parseName(key));
    const tables = made.map((made, index): Sized => {
      const name = before.get(made.sha256.slice(0, DIGITS));
      return {
        ...made,
        branchId,
        ...(name?.kind === 'table' ? { epoch: name.epoch, n: name.n } : { epoch, n: index + 1 }),
      };
    });
    const total = bytesOf(tables);
    const missing = tables.filter((table) => table.epoch === epoch);
    let done = total - bytesOf(missing);
    this.#progress(done, total);
    const store = async (table: Sized): Promise<void> => {
      await this.#store({ type: 'put', key: tableName(table), body: table, etag: null });
      done += table.bytes ?? 0;
      this.#progress(done, total);
    };
    await Promise.all(missing.map(store));
    return tables;
  }

  /** A table: its name has its digest, so that whoever has put it has put the same. */
  async #store(put: Put): Promise<void> {
    while ((await this.#ask(put)).type !== 'stored') {
      // Rule look-again: only what has been stored, or seen, is there.
      if ((await this.#ask({ type: 'look', key: put.key })).type === 'found') return;
    }
  }

  /** Every object of attempts before, as far as the store lists them. */
  async #stored(): Promise<readonly string[]> {
    const { branchId } = this.#with.mark.marked;
    const answer = await this.#ask({ type: 'list', prefix: branchPrefix(branchId), before: slotName(branchId, 0) });
    return answer.type === 'listed' ? answer.keys : [];
  }

  /** Asks until somebody knows what came of it. */
  async #ask(request: Exclude<Request, { type: 'wait' }>): Promise<Answer> {
    const { remote, signal, options } = this.#with;
    for (let failures = 0; ; failures++) {
      try {
        const answer = await remote.carry(request);
        if (answer !== undefined && answer.type !== 'unknown') return answer;
      } catch (error) {
        const isKnown = error instanceof CoppiceError && isPassing(error, true, failures);
        if (signal.aborted || !isKnown) throw error;
        tellTrying(options.onProgress, error);
      }
      await pause(failures, signal, () => signal.reason);
    }
  }

  #progress(done: number, total: number): void {
    const { onProgress } = this.#with.options;
    if (onProgress !== undefined) tellProgress(onProgress, { phase: 'checkpoint', done, total, unit: 'bytes' });
  }
}

function bytesOf(tables: readonly Sized[]): number {
  return tables.reduce((sum, { bytes = 0 }) => sum + bytes, 0);
}
