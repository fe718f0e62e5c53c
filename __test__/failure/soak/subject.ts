/**
 * A branch that the run writes: its folder, its database while it is open, and the model of it.
 *
 * @module
 */

import { strict as assert } from 'node:assert';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type CoppiceError,
  createBranch,
  type Database,
  dropBranch,
  type ObjectStore,
  open,
} from '../../../ts/index.js';
import type { Random } from '../../support/random.js';
import { check, checkDiff, LASTING, merge, type State, write } from './model.js';

/** A state that a database with history can be read at. */
interface Mark {
  readonly revision: number;
  readonly state: State;
}

const MARKS_MAX = 6;
/** So long older checkpoints are kept. */
const KEPT_MS = 1_500;
const OPTIONS = {
  history: true,
  memoryBytes: 16 << 20,
  checkpoint: { everySlots: 60, everyBytes: 2 << 20, keep: 2, keepMs: KEPT_MS },
} as const;

export interface Place {
  readonly store: ObjectStore;
  readonly top: string;
  readonly random: Random;
  count(what: string, by?: number): void;
}

export class Subject {
  readonly #place: Place;
  readonly name: string;
  readonly parent: Subject | undefined;
  /** What it began with. */
  readonly #base: State;
  readonly #state: State;
  #marks: Mark[] = [];
  #db: Database<string, string> | undefined;
  /** Each disk has a folder of its own. */
  #disks = 0;
  isDropped = false;

  private constructor(place: Place, name: string, parent: Subject | undefined, base: State) {
    this.#place = place;
    this.name = name;
    this.parent = parent;
    this.#base = new Map(base);
    this.#state = new Map(base);
  }

  static async first(place: Place): Promise<Subject> {
    const subject = new Subject(place, 'main', undefined, new Map());
    await subject.open();
    return subject;
  }

  get isOpen(): boolean {
    return this.#db !== undefined;
  }

  get state(): State {
    return this.#state;
  }

  get db(): Database<string, string> {
    assert(this.#db !== undefined, `${this.name} is not open`);
    return this.#db;
  }

  get #folder(): string {
    return join(this.#place.top, `${this.name}-${this.#disks}`);
  }

  async open(): Promise<void> {
    const { store, random } = this.#place;
    const durability = random(2) === 0 ? 'remote' : 'disk';
    this.#db = await open(this.#folder, { ...OPTIONS, store, branch: this.name, durability });
  }

  async close(): Promise<void> {
    await this.settle();
    const db = this.db;
    this.#db = undefined;
    assert.equal((await db.close()).unshipped, 0);
  }

  /** All of it is in the store. */
  async settle(): Promise<void> {
    if (this.#db !== undefined) await this.#db.waitFor(this.#db.revision, 'remote');
  }

  async write(): Promise<void> {
    this.#place.count('commits', await write(this.db, this.#state, this.#place.random));
    this.#marks = [...this.#marks.slice(1 - MARKS_MAX), { revision: this.db.revision, state: new Map(this.#state) }];
  }

  check(): Promise<void> {
    this.#place.count('databases compared');
    return check(this.db, this.#state, this.name);
  }

  /** One of the things that are done to a database now and then. */
  async keep(): Promise<void> {
    const { random, count } = this.#place;
    const mark = this.#marks[random(this.#marks.length)];
    const acts: readonly (readonly [string, () => Promise<unknown>])[] = [
      ['checkpoints asked for', () => this.db.checkpoint()],
      ['flushes', () => this.db.flush()],
      ['compactions', () => this.db.compact()],
      ['restarts', () => this.close().then(() => this.open())],
      ['disks lost', () => this.loseDisk()],
      ['disks taken over by another', () => this.#move()],
      ['databases compared', () => this.check()],
      ['past states compared', async () => mark && check(this.db, mark.state, `${this.name} before`, mark.revision)],
      // A branch is merged by what it was when it began.
      ['trims', async () => mark && this.parent === undefined && this.#trim(mark.revision)],
    ];
    const [what, act] = acts[random(acts.length)] as (typeof acts)[number];
    await act();
    count(what);
  }

  /** Nothing of the past is kept that need not be. */
  async age(): Promise<void> {
    await this.#trim(this.db.revision);
    await this.db.compact();
    await this.db.checkpoint();
    await delay(KEPT_MS);
    for (let n = 0; n <= OPTIONS.checkpoint.keep; n++) {
      const value = `${n}`;
      await this.db.put('aged', value);
      this.#state.set('aged', { value });
      await this.db.checkpoint();
    }
  }

  async #trim(revision: number): Promise<void> {
    this.#marks = this.#marks.filter((mark) => mark.revision >= revision);
    await this.db.trim(revision);
  }

  async loseDisk(): Promise<void> {
    await this.close();
    await rm(this.#folder, { recursive: true });
    await this.open();
  }

  /** Another disk takes the branch while this one has it open. */
  async #move(): Promise<void> {
    await this.settle();
    const [older, folder] = [this.db, this.#folder];
    this.#disks += 1;
    await this.open();
    await older.close();
    await rm(folder, { recursive: true });
  }

  /** A branch of this one, as it is or as it was; nothing if that is not to be, for a reason that holds. */
  async fork(name: string, isTaken: () => boolean): Promise<Subject | undefined> {
    const { random, store, count } = this.#place;
    await this.settle();
    const mark = random(2) === 0 ? this.#marks[random(this.#marks.length)] : undefined;
    const subject = new Subject(this.#place, name, this, mark?.state ?? this.#state);
    const at = mark === undefined ? {} : { at: mark.revision };
    try {
      if (this.isOpen && random(2) === 0) subject.#db = await this.db.branch(name, { ...at, path: subject.#folder });
      else await createBranch(store, name, { from: this.name, ...at });
    } catch (error) {
      const { code } = error as CoppiceError;
      const isKnown = (code === 'COPPICE_EXISTS' && isTaken()) || (code === 'COPPICE_COMPACTED' && mark !== undefined);
      if (!isKnown) throw error;
      count(code === 'COPPICE_EXISTS' ? 'names that were still needed' : 'past states that were not kept');
      return undefined;
    }
    count(mark === undefined ? 'branches' : 'branches of a past state');
    if (this.parent !== undefined) count('branches of branches');
    return subject;
  }

  async diff(other: Subject): Promise<void> {
    await other.settle();
    const changes = await this.db.diff(other.name, LASTING).toArray();
    checkDiff(changes, other.#state, this.#state, `from ${other.name} to ${this.name}`);
    this.#place.count('diffs compared');
  }

  /** What a branch of this one has changed is brought in. */
  async merge(other: Subject): Promise<void> {
    assert.equal(other.parent, this);
    const { random, count } = this.#place;
    await other.settle();
    const policy = (['ours', 'theirs', 'report'] as const)[random(3)] as 'ours' | 'theirs' | 'report';
    const merged = await this.db.merge(other.name, { ...LASTING, conflicts: policy }).catch((error: CoppiceError) => {
      // What the branch began with is known by the log of the other, which is not kept for it any more.
      if (error.code !== 'COPPICE_INVALID' || error.details?.option !== 'base') throw error;
      count('merges without a base');
    });
    if (merged === undefined) return;
    const wanted = merge(other.#base, this.#state, other.#state, policy);
    const what = `${other.name} into ${this.name}, ${policy}`;
    assert.equal(merged.ok, wanted.isMade, what);
    assert.equal(merged.changes, wanted.changes, what);
    const conflicts = merged.ok ? merged.resolved : merged.conflicts.map(({ key }) => key);
    assert.deepEqual(conflicts, merged.ok ? wanted.conflicts.length : wanted.conflicts, what);
    count(merged.ok ? 'merges' : 'merges with conflicts');
    await this.check();
  }

  async drop(): Promise<void> {
    const { store, count, random } = this.#place;
    if (this.isOpen && random(2) === 0) await this.close();
    await dropBranch(store, this.name);
    this.isDropped = true;
    count(this.isOpen ? 'branches dropped while they were open' : 'branches dropped');
    if (this.#db !== undefined) {
      await assert.rejects(this.#db.put('late', 'late', { durability: 'remote' }), { code: 'COPPICE_FENCED' });
      await this.#db.close();
    }
    this.#db = undefined;
    await rm(this.#folder, { recursive: true, force: true });
  }
}
