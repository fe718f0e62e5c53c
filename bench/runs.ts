/**
 * Runs tasks in child processes and keeps what they answered, so that a command that was stopped goes on where it was.
 *
 * @module
 */
import { fork } from 'node:child_process';
import { appendFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Answer, Task } from './child.js';
import { syncFolder } from './files.js';

const CHILD = fileURLToPath(new URL('./child.ts', import.meta.url));
const TASK_MS_MAX = 10 * 60_000;

export interface Outcome {
  engine: string;
  question: string;
  round: number;
  answer: Answer;
}

/** The outcomes so far of one scale, a line of JSON each. */
export class Ledger {
  readonly outcomes: Outcome[] = [];
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
    if (!existsSync(file)) return;
    for (const line of readFileSync(file, 'utf8').split('\n')) {
      // The last line may be cut by a kill; its run is then done again.
      if (line.endsWith('}')) this.outcomes.push(JSON.parse(line) as Outcome);
    }
  }

  has(engine: string, question: string, round: number): boolean {
    return this.outcomes.some((one) => one.engine === engine && one.question === question && one.round === round);
  }

  /** Whether it answered before that it cannot be asked this. */
  refuses(engine: string, question: string): boolean {
    const refusal = (one: Outcome) => 'error' in one.answer && one.answer.cannot === true;
    return this.outcomes.some((one) => one.engine === engine && one.question === question && refusal(one));
  }

  add(outcome: Outcome): void {
    this.outcomes.push(outcome);
    appendFileSync(this.#file, `${JSON.stringify(outcome)}\n`);
  }
}

export function ask(task: Task): Promise<Answer> {
  return new Promise((resolve) => {
    const child = fork(CHILD, {
      execArgv: ['--import', 'tsx', '--expose-gc'],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      timeout: TASK_MS_MAX,
    });
    let answer: Answer | undefined;
    child.on('message', (message) => {
      answer = message as Answer;
    });
    child.on('exit', (code, signal) => resolve(answer ?? { error: `ended with ${signal ?? code} and no answer` }));
    child.send(task);
  });
}

/** A fresh folder for one run: empty, or a copy of the loaded database of its engine. */
export class Workspace {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
    mkdirSync(root, { recursive: true });
  }

  folder(base: string | undefined, synced: boolean): string {
    const folder = join(this.#root, 'run');
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder);
    if (base !== undefined) {
      cpSync(base, folder, { recursive: true });
      // The copy's own write-back must not compete with the syncs that are measured.
      if (synced) syncFolder(folder);
    }
    return folder;
  }

  /** The database of `engine`, loaded at random once a scale. */
  async base(engine: string, keys: number, text: boolean): Promise<string | undefined> {
    const kind = text ? 'text' : 'bytes';
    const folder = join(this.#root, `base-${keys}-${kind}-${engine.replace(/\W+/g, '-')}`);
    const done = `${folder}.done`;
    if (existsSync(done)) return folder;
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder);
    const answer = await ask({ engine, folder, text, keys, seconds: 0 });
    if ('error' in answer) return undefined;
    appendFileSync(done, '');
    return folder;
  }

  clear(): void {
    rmSync(this.#root, { recursive: true, force: true });
  }
}
