/** Random transactions, several at a time: each that commits has read and written as if it had run alone, at its commit. */

import test, { type ExecutionContext } from 'ava';
import type { Database, Transaction } from '../../ts/index.js';
import { temporaryDatabase } from '../support/database.js';
import { type Random, seedOfRun, splitMix32 } from '../support/random.js';

const KEYS = 40;
const AT_ONCE = 5;
const STEPS = 3_000;

type Rows = Map<string, string>;

/** A transaction, what there was when it began, what it sees, and all that it has done, to be done again to other rows: reads with what they answered. */
interface Running {
  readonly transaction: Transaction<string, string>;
  readonly began: Rows;
  readonly rows: Rows;
  readonly done: { act(rows: Rows): unknown; answer?: unknown }[];
  readonly written: Set<string>;
}

interface Shape {
  gte?: string;
  lt?: string;
  reverse?: boolean;
  limit?: number;
}

function keyOf(number: number): string {
  return `key${String(number).padStart(2, '0')}`;
}

function rowsOf(rows: Rows, { gte = '', lt = '~', reverse = false, limit = KEYS }: Shape): [string, string][] {
  const found = [...rows].filter(([key]) => key >= gte && key < lt).sort(([a], [b]) => (a < b ? -1 : 1));
  return (reverse ? found.reverse() : found).slice(0, limit);
}

class Model {
  readonly counts = { committed: 0, lost: 0 };
  readonly #t: ExecutionContext;
  readonly #db: Database<string, string>;
  readonly #random: Random;
  readonly #isolation: 'serializable' | 'snapshot';
  readonly #running: Running[] = [];
  /** What is committed, and which commit was the last to write or delete a key, if only one that was not there. */
  readonly #rows: Rows = new Map();
  readonly #changed = new Map<string, number>();
  #values = 0;

  constructor(
    t: ExecutionContext,
    db: Database<string, string>,
    random: Random,
    isolation: 'serializable' | 'snapshot',
  ) {
    this.#t = t;
    this.#db = db;
    this.#random = random;
    this.#isolation = isolation;
  }

  async step(): Promise<void> {
    if (this.#random(50) === 0) await (this.#random(2) === 0 ? this.#db.flush() : this.#db.compact());
    const one = this.#running[this.#random(AT_ONCE)];
    if (one === undefined) return this.#begin();
    const choice = this.#random(14);
    if (choice < 3) await this.#readKey(one);
    else if (choice < 6) await this.#readRange(one);
    else if (choice < 10) this.#write(one);
    else if (choice === 10) this.#delRange(one);
    else if (choice === 11) await this.#count(one);
    else await this.#end(one);
  }

  #begin(): void {
    const transaction = this.#db.begin({ isolation: this.#isolation });
    const began = new Map(this.#rows);
    this.#running.push({ transaction, began, rows: new Map(began), done: [], written: new Set() });
  }

  async #readKey(one: Running): Promise<void> {
    const key = keyOf(this.#random(KEYS));
    const { transaction } = one;
    const kind = this.#random(3);
    if (kind === 2) return this.#read(one, (rows) => rows.has(key), await transaction.has(key));
    this.#read(one, (rows) => rows.get(key), kind === 0 ? await transaction.get(key) : transaction.getSync(key));
  }

  async #readRange(one: Running): Promise<void> {
    const shape = this.#shape();
    const stopsAfter = this.#random(3) === 0 ? 1 + this.#random(3) : KEYS;
    const batchSize = 1 + this.#random(5);
    const found: [string, string][] = [];
    for await (const row of one.transaction.entries({ ...shape, batchSize })) {
      found.push(row);
      if (found.length === stopsAfter) break;
    }
    const limit = Math.min(shape.limit ?? KEYS, stopsAfter);
    this.#read(one, (rows) => rowsOf(rows, { ...shape, limit }), found);
  }

  async #count(one: Running): Promise<void> {
    const shape = this.#shape();
    this.#read(one, (rows) => rowsOf(rows, shape).length, await one.transaction.count(shape));
  }

  #read({ rows, done }: Running, act: (rows: Rows) => unknown, answer: unknown): void {
    this.#t.deepEqual(answer, act(rows));
    done.push({ act, answer });
  }

  #shape(): Shape {
    const random = this.#random;
    const lower = random(KEYS);
    const shape: Shape = { gte: keyOf(lower), lt: keyOf(lower + 1 + random(8)), reverse: random(2) === 0 };
    if (random(2) === 0) shape.limit = random(4);
    return shape;
  }

  #write({ transaction, rows, done, written }: Running): void {
    const key = keyOf(this.#random(KEYS));
    const value = `value${this.#values++}`;
    const puts = this.#random(3) > 0;
    if (puts) transaction.put(key, value);
    else transaction.del(key);
    const act = (rows: Rows) => void (puts ? rows.set(key, value) : rows.delete(key));
    act(rows);
    done.push({ act });
    written.add(key);
  }

  #delRange({ transaction, rows, done, written }: Running): void {
    const lower = this.#random(KEYS);
    const span = { gte: keyOf(lower), lt: keyOf(lower + 1 + this.#random(4)) };
    transaction.delRange(span);
    const act = (rows: Rows) => {
      for (const [key] of rowsOf(rows, span)) rows.delete(key);
    };
    act(rows);
    done.push({ act });
    for (let i = lower; keyOf(i) < span.lt; i++) written.add(keyOf(i));
  }

  async #end(one: Running): Promise<void> {
    const { transaction, done, written } = one;
    this.#running.splice(this.#running.indexOf(one), 1);
    if (this.#random(8) === 0) {
      await transaction.rollback();
      return;
    }
    const answer = await transaction.commit();
    if (!answer.ok) {
      this.counts.lost++;
      this.#t.true(answer.conflicts.length > 0);
      for (const { key } of answer.conflicts) this.#t.true((this.#changed.get(key) ?? 0) > transaction.readRevision);
      return;
    }
    this.counts.committed++;
    if (this.#isolation === 'snapshot') {
      for (const key of written) this.#t.is(one.began.get(key), this.#rows.get(key), `first to write ${key}`);
    }
    // A transaction that writes nothing has run when it began.
    const rows = written.size === 0 ? one.rows : this.#rows;
    for (const { act, answer } of done) {
      const now = act(rows);
      if (this.#isolation === 'serializable') this.#t.deepEqual(answer, now);
    }
    for (const key of written) this.#changed.set(key, answer.revision);
  }

  async finish(): Promise<void> {
    for (const { transaction } of this.#running) transaction.release();
    this.#t.deepEqual(await this.#db.entries().toArray(), rowsOf(this.#rows, {}));
  }
}

for (const isolation of ['serializable', 'snapshot'] as const) {
  for (const history of [false, true]) {
    const kind = history ? 'with history' : 'without history';
    test(`transactions at isolation ${isolation} have an order, ${kind}`, async (t) => {
      const db = await temporaryDatabase(t, { history });
      const model = new Model(t, db, splitMix32(seedOfRun()), isolation);
      for (let i = 0; i < STEPS; i++) await model.step();
      await model.finish();
      t.log(model.counts);
      t.true(model.counts.committed > 100 && model.counts.lost > 50);
    });
  }
}
