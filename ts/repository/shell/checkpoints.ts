/**
 * When checkpoints are taken, and who waits for one. After each, what is not kept any longer is collected.
 *
 * @module
 */

import { isMade, manifestName } from '../protocol/index.js';
import type { Driver } from './driver.js';
import type { Published } from './events.js';
import type { CheckpointPolicy } from './options.js';

export class Checkpoints {
  readonly #policy: CheckpointPolicy;
  readonly #location: string;
  readonly #on: (published: Published) => void;
  /** Since the last one began. */
  #slots = 0;
  #bytes = 0;
  #last: Published | undefined;
  #lastSeq = -1;
  #taken = 0;

  constructor(policy: CheckpointPolicy, location: string, on: (published: Published) => void) {
    this.#policy = policy;
    this.#location = location;
    this.#on = on;
  }

  /** A slot has been stored. */
  count(bytes: number): void {
    this.#slots += 1;
    this.#bytes += bytes;
  }

  /** Begins one if it is due. The first one is at once: it says with which fixed options the database was made. */
  due(driver: Driver): void {
    const { everyBytes, everySlots } = this.#policy;
    const isFirst = !isMade(driver.state.head?.head);
    if (isFirst || this.#slots >= everySlots || this.#bytes >= everyBytes) this.#begin(driver);
  }

  /** One that holds everything up to a sequence; `undefined` if there will be none. */
  async take(driver: Driver, seq: number): Promise<Published | undefined> {
    while (this.#lastSeq < seq) {
      const before = this.#taken;
      // One that is under way may have begun too early.
      this.#begin(driver);
      if (driver.state.checkpoint === null) return undefined;
      await driver.until(({ checkpoint }) => checkpoint === null);
      if (this.#taken === before) return undefined;
    }
    await driver.until(({ collection, changing }) => collection === null && changing === null);
    return this.#last;
  }

  /** One whose tables are all the branch's own; false if there will be none. */
  async takeOwn(driver: Driver): Promise<boolean> {
    await driver.until(({ checkpoint }) => checkpoint === null);
    const before = this.#taken;
    this.#begin(driver, true);
    await driver.until(({ checkpoint }) => checkpoint === null);
    return this.#taken > before;
  }

  /** Lets go of what is not kept any longer. */
  async collect(driver: Driver): Promise<void> {
    driver.tell({ type: 'collect' });
    await driver.until(({ collection, changing }) => collection === null && changing === null);
  }

  published(driver: Driver): void {
    const { manifest, branchId } = driver.state;
    if (manifest === null) return;
    const { seq, revision, timeMs, tables } = manifest;
    this.#lastSeq = seq;
    this.#taken += 1;
    const bytes = (tables as readonly { bytes?: number }[]).reduce((sum, { bytes = 0 }) => sum + bytes, 0);
    const location = `${this.#location}/${manifestName(branchId, manifest)}`;
    this.#last = { revision, tables: tables.length, bytes, at: new Date(timeMs), location };
    this.#on(this.#last);
    driver.tell({ type: 'collect' });
  }

  #begin(driver: Driver, own = false): void {
    if (driver.state.checkpoint !== null) return;
    this.#slots = 0;
    this.#bytes = 0;
    driver.tell({ type: 'checkpoint', own });
  }
}
