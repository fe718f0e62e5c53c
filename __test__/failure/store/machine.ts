/**
 * A machine as whoever tests it sees it: a folder, a line to the store of its own, and a process that can be killed.
 *
 * @module
 */

import { strict as assert } from 'node:assert';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { eachLine } from '../../support/lines.js';
import type { Weather } from '../../support/weather.js';
import type { Ledger } from './ledger.js';
import type { Parameters } from './writer.js';

const PROGRAM = fileURLToPath(new URL('writer.ts', import.meta.url));

export interface Machine {
  readonly folder: string;
  readonly weather: Weather;
}

/** Programs that run, to be ended with this one. */
const children = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

export class Writer {
  readonly #child: ChildProcess;
  readonly #opened: Promise<void>;
  #resolveOpened: () => void = () => {};
  #resolveFenced: () => void = () => {};
  readonly ended: Promise<void>;
  readonly fenced: Promise<void>;
  /** How many commits there were when it was open; `undefined` until then. */
  found: number | undefined;
  /** The highest number that it was told is stored. */
  told = 0;
  #isKilled = false;

  /** Begins to start, and waits to be needed. */
  constructor(ledger: Ledger, onWork: (work: string) => void) {
    // The SDK says in each process that it will want a newer Node one day.
    const env = { ...process.env, NODE_NO_WARNINGS: '1' };
    this.#child = spawn(process.execPath, ['--import=tsx', PROGRAM], { stdio: ['pipe', 'pipe', 'inherit'], env });
    children.add(this.#child);
    this.#opened = new Promise((resolve) => {
      this.#resolveOpened = resolve;
    });
    this.fenced = new Promise((resolve) => {
      this.#resolveFenced = resolve;
    });
    this.ended = this.#end();
    eachLine(this.#child.stdout as NonNullable<ChildProcess['stdout']>, ([word = '', name = '', n = '']) => {
      if (word === 'stored') {
        ledger.stored(name, Number(n));
        this.told = Math.max(this.told, Number(n));
      } else if (word === 'taken') ledger.taken(name);
      else if (word === 'open') {
        this.found = Number(name);
        this.#resolveOpened();
      } else {
        if (word === 'fenced') this.#resolveFenced();
        onWork(word);
      }
    });
  }

  begin(parameters: Parameters): void {
    this.#child.stdin?.end(`${JSON.stringify(parameters)}\n`);
  }

  /** Resolves when it is open; rejects if it ends before. */
  opened(): Promise<void> {
    const unopened = this.ended.then(() => assert.fail('the writer ended before it was open'));
    return Promise.race([this.#opened, unopened]);
  }

  kill(): void {
    this.#isKilled = true;
    this.#child.kill('SIGKILL');
  }

  async #end(): Promise<void> {
    const [code, signal] = (await once(this.#child, 'close')) as [number | null, string | null];
    children.delete(this.#child);
    const wanted =
      this.#isKilled && signal === 'SIGKILL' ? { code: null, signal: 'SIGKILL' } : { code: 0, signal: null };
    assert.deepEqual({ code, signal }, wanted, 'the writer ended by itself');
  }
}
