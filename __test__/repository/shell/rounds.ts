/**
 * Nodes that take a branch from each other, over stores that lose, delay and refuse, with disks that are lost: whatever
 * one was told is stored must be in the branch once, in the order in which it was written, whoever has it in the end.
 */

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { CoppiceError, type ObjectStore } from '../../../ts/index.js';
import { Shell } from '../../../ts/repository/shell/index.js';
import { CALM, HostileStore, type Hostility } from '../../support/hostile.js';
import { type Random, splitMix32 } from '../../support/random.js';
import { optionsOf } from './branch.js';
import { type TextEngine, TextFolder, type Trouble } from './engine.js';

const NODES = 3;

export interface Figures {
  acknowledged: number;
  fenced: number;
  opened: number;
  disksLost: number;
  partitions: number;
  checkpoints: number;
  closes: number;
}

interface Node {
  folder: string;
  store: HostileStore;
  trouble: Trouble;
}

export class Rounds {
  readonly figures: Figures = {
    acknowledged: 0,
    fenced: 0,
    opened: 0,
    disksLost: 0,
    partitions: 0,
    checkpoints: 0,
    closes: 0,
  };
  readonly #store: ObjectStore;
  readonly #folder: string;
  readonly #random: Random;
  readonly #nodes: Node[];
  /** By writer, in the order in which they were told. */
  readonly #acknowledged = new Map<string, number[]>();
  /** Told that they were taken back. */
  readonly #fenced = new Set<string>();
  #boots = 0;

  constructor(store: ObjectStore, folder: string, seed: number) {
    this.#store = store;
    this.#folder = folder;
    this.#random = splitMix32(seed);
    this.#nodes = Array.from({ length: NODES }, (_, n) => ({
      folder: join(folder, `n${n}`),
      store: new HostileStore(store, splitMix32(seed + n + 1), CALM),
      trouble: { random: splitMix32(seed - n - 1), slowMsMax: 0, full: 0 },
    }));
  }

  /** For so long, and until anything came of it, everything goes wrong; then the branch is read with an empty disk. */
  async run(ms: number, hostility: Hostility): Promise<string[]> {
    // A store that fails its probe is refused, as it should be.
    const first = await Shell.open(optionsOf(this.#store, join(this.#folder, 'first')));
    await first.close();
    const until = performance.now() + ms;
    await Promise.all(this.#nodes.map((node) => this.#live(node, until, hostility)));
    for (const node of this.#nodes) {
      node.store.isAway = false;
      node.store.hostility = CALM;
      await node.store.settled();
    }
    const last = this.#nodes[0] as Node;
    await rm(last.folder, { recursive: true, force: true });
    const shell = await Shell.open(optionsOf(last.store, last.folder));
    const { texts } = (await shell.engine()) as TextEngine;
    await shell.close();
    return texts.slice();
  }

  /** What is not as it must be of what the branch holds in the end. */
  wrong(texts: readonly string[]): string[] {
    const found: string[] = [];
    const seen = new Set<string>();
    const last = new Map<string, number>();
    for (const text of texts) {
      if (seen.has(text)) found.push(`${text} is there twice`);
      if (this.#fenced.has(text)) found.push(`${text} was taken back, and is there`);
      seen.add(text);
      const [boot = '', n = '0'] = text.split('.');
      if (Number(n) <= (last.get(boot) ?? -1)) found.push(`${text} comes after ${boot}.${last.get(boot)}`);
      last.set(boot, Number(n));
    }
    for (const [boot, numbers] of this.#acknowledged) {
      for (const n of numbers)
        if (!seen.has(`${boot}.${n}`)) found.push(`${boot}.${n} was acknowledged, and is not there`);
    }
    return found;
  }

  #goesOn(until: number): boolean {
    return performance.now() < until || this.figures.opened < 2 || this.figures.acknowledged === 0;
  }

  async #live(node: Node, until: number, hostility: Hostility): Promise<void> {
    const mode = this.#random(2) === 0 ? 'writer' : 'standby';
    while (this.#goesOn(until)) {
      node.store.hostility = this.#random(4) === 0 ? CALM : hostility;
      const isBad = this.#random(2) === 0;
      node.trouble = {
        ...node.trouble,
        slowMsMax: isBad ? 1 + this.#random(40) : 0,
        full: isBad ? this.#random(60) : 0,
      };
      const options = optionsOf(node.store, node.folder, {
        engine: new TextFolder(node.folder, node.trouble),
        mode,
        renewMs: 30,
        takeoverMs: 150,
        pollMs: 15,
        lingerMs: this.#random(3) === 0 ? 5 : 0,
        policy: { keep: this.#random(3), retainMs: this.#random(2) * 500 },
        checkpoint: { everyBytes: 1 << 20, everySlots: 1 + this.#random(this.#random(2) === 0 ? 4 : 20) },
        signal: AbortSignal.timeout(this.#random(3) === 0 ? 1 + this.#random(150) : 200 + this.#random(1500)),
        on: (event) => {
          if (event.type === 'published') this.figures.checkpoints += 1;
        },
      });
      try {
        const shell = await Shell.open(options);
        await this.#write(node, shell, (options.engine as TextFolder).engine as TextEngine, until);
      } catch (error) {
        expected(error);
      }
      if (this.#random(4) > 0) continue;
      this.figures.disksLost += 1;
      await rm(node.folder, { recursive: true, force: true });
    }
  }

  async #write(node: Node, shell: Shell, engine: TextEngine, until: number): Promise<void> {
    this.figures.opened += 1;
    this.#boots += 1;
    const boot = `b${this.#boots}`;
    const told: number[] = [];
    this.#acknowledged.set(boot, told);
    const ends: Promise<unknown>[] = [];
    const writes = 1 + this.#random(150);
    // In the middle of whatever happens then.
    const close = () => {
      this.figures.closes += 1;
      ends.push(shell.close(this.#random(3) * 40).catch(expected));
    };
    const timer = this.#random(2) === 0 ? globalThis.setTimeout(close, this.#random(600)) : undefined;
    for (let n = 0; n < writes && this.#goesOn(until); n++) {
      if (this.#random(30) === 0) {
        this.figures.partitions += 1;
        node.store.isAway = true;
        await setTimeout(this.#random(300));
        node.store.isAway = false;
      }
      const text = `${boot}.${n}`;
      try {
        ends.push(
          shell.stored(engine.commit(text)).then(
            () => {
              this.figures.acknowledged += 1;
              told.push(n);
            },
            (error: CoppiceError) => {
              if (error.code !== 'COPPICE_FENCED') return;
              this.figures.fenced += 1;
              this.#fenced.add(text);
            },
          ),
        );
      } catch {
        break;
      }
      if (this.#random(20) === 0) ends.push(shell.checkpoint().then(() => {}, expected));
      if (this.#random(3) > 0) await setTimeout(this.#random(12));
    }
    await shell.close(this.#random(2) * 1000).catch(expected);
    clearTimeout(timer);
    await Promise.all(ends);
  }
}

const EXPECTED = new Set([
  'COPPICE_ABORTED',
  'COPPICE_CLOSED',
  'COPPICE_DISK_FULL',
  'COPPICE_FENCED',
  'COPPICE_STORE',
  'COPPICE_UNKNOWN_OUTCOME',
]);

function expected(error: unknown): void {
  if (!(error instanceof CoppiceError) || !EXPECTED.has(error.code)) throw error;
}
