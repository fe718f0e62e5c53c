/**
 * What is known of a branch from outside: what its writers were told, and what copies of it have held. Whatever a copy holds
 * must be whole and in order, must have all that was acknowledged, and must never hold anything else again.
 *
 * @module
 */

import { strict as assert } from 'node:assert';
import type { Database } from '../../../ts/index.js';
import { bodyOf, COUNTER, type Count, countOf, HALVES, NOTHING, next } from './commits.js';

export class Ledger {
  /** The name of commit `n`, once a copy has held it or a writer was told that it is stored. */
  readonly #names: (string | undefined)[] = [];
  /** What was told to be stored. */
  readonly #stored = new Map<string, number>();
  /** What was told to be taken back. */
  readonly #taken = new Set<string>();
  /** The highest number that was told to be stored. */
  told = 0;

  get acknowledged(): number {
    return this.#stored.size;
  }

  get takenBack(): number {
    return this.#taken.size;
  }

  stored(name: string, n: number): void {
    this.#is(n, name);
    this.#stored.set(name, n);
    this.told = Math.max(this.told, n);
  }

  taken(name: string): void {
    this.#taken.add(name);
  }

  /** Compares everything that a database holds; answers how many commits. It holds at least the first `atLeast`. */
  async check(db: Database<string, string>, atLeast: number): Promise<number> {
    const counter = countOf(await db.get(COUNTER));
    // Every commit has a revision of its own: one that was applied twice would have two.
    assert.equal(db.revision, counter.n + 1, 'there are more revisions than commits, or fewer');
    assert(counter.n >= atLeast, `commit ${atLeast} was there, and only ${counter.n} are`);
    const [commits, halves] = await Promise.all(HALVES.map((half) => db.entries({ prefix: half }).toArray()));
    assert.equal(commits?.length, counter.n, 'there are more commits than were counted, or fewer');
    assert.deepEqual(new Set(halves?.map(([, value]) => value)), new Set(commits?.map(([, value]) => value)));
    const names = new Map(commits?.map(([key, value]) => [countOf(value).n, key.slice(HALVES[0].length)]));
    let count: Count = NOTHING;
    while (count.n < counter.n) {
      const name = names.get(count.n + 1);
      assert(name !== undefined, `commit ${count.n + 1} is missing`);
      assert(!this.#taken.has(name), `${name} was taken back, and is there`);
      count = next(count, name);
      this.#is(count.n, name);
      for (const half of HALVES) {
        const entry = await db.getEntry(half + name);
        assert.deepEqual([entry?.value, entry?.revision], [bodyOf(count), count.n + 1], `${half}${name} is wrong`);
      }
    }
    assert.deepEqual(count, counter);
    return count.n;
  }

  /** Whether everything that was told to be stored is among the first `n` commits. */
  has(n: number): void {
    for (const [name, at] of this.#stored) assert(at <= n && this.#names[at] === name, `${name} is lost`);
  }

  #is(n: number, name: string): void {
    assert.equal(this.#names[n] ?? name, name, `commit ${n} was another one before`);
    this.#names[n] = name;
  }
}
