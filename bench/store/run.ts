/**
 * Runs parts in processes of their own.
 *
 * @module
 */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Part, Parts } from './parts/index.js';

const CHILD = fileURLToPath(new URL('./child.ts', import.meta.url));
const MAIN_ENTRY = new URL('../../dist/index.js', import.meta.url).href;

type Given<P extends Part> = Parameters<Parts[P]>[0];
type Answer<P extends Part> = Awaited<ReturnType<Parts[P]>>;

/** A part that runs, and what it says before it has ended: when, by the clock of the machine, in milliseconds. */
export class Running<P extends Part> {
  readonly #child: ChildProcess;
  readonly #said = new Map<string, number>();
  readonly #part: P;
  #answer: Answer<P> | { error: string } | undefined;

  constructor(part: P, given: Given<P>) {
    this.#part = part;
    this.#child = fork(CHILD, { execArgv: ['--import', 'tsx'], stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
    this.#child.on('message', (message: Answer<P> | { error: string } | { note: string; atMs: number }) => {
      if (typeof message === 'object' && 'note' in message) this.#said.set(message.note, message.atMs);
      else this.#answer = message;
    });
    this.#child.send({ part, given });
  }

  async said(note: string): Promise<number> {
    while (!this.#said.has(note)) {
      if (this.#child.exitCode !== null || this.#answer !== undefined) throw this.#failure();
      await Promise.race([once(this.#child, 'message'), once(this.#child, 'exit')]);
    }
    return this.#said.get(note)!;
  }

  tell(): void {
    this.#child.send('go on');
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  async answer(): Promise<Answer<P>> {
    const hasEnded = () => this.#child.exitCode !== null || this.#child.signalCode !== null;
    if (!hasEnded()) await once(this.#child, 'exit');
    // What it said last may be read after its end.
    if (this.#child.connected) await once(this.#child, 'disconnect');
    if (this.#answer === undefined || 'error' in (this.#answer as object)) throw this.#failure();
    return this.#answer as Answer<P>;
  }

  #failure(): Error {
    const { error } = (this.#answer ?? {}) as { error?: string };
    return new Error(`${this.#part}: ${error ?? `ended with ${this.#child.exitCode} and no answer`}`);
  }
}

export function run<P extends Part>(part: P, given: Given<P>): Promise<Answer<P>> {
  return new Running(part, given).answer();
}

/** Milliseconds from the start of a process that has nothing but the package to a first read on an empty disk. */
export async function firstReadOfProcess(store: string, folder: string, key: string, env: object): Promise<number> {
  const program = `
    import { open } from ${JSON.stringify(MAIN_ENTRY)};
    const db = await open(${JSON.stringify(folder)}, { store: ${JSON.stringify(store)} });
    if ((await db.get(${JSON.stringify(key)})) === undefined) throw new Error('a key is missing');
    process.stdout.write('read');
    await db.close();`;
  const began = performance.now();
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, ...env },
  });
  const ended = once(child, 'exit');
  const read = await Promise.race([
    once(child.stdout, 'data').then(() => performance.now()),
    ended.then(() => undefined),
  ]);
  await ended;
  if (read === undefined) throw new Error('a process that opens a database has failed');
  return read - began;
}
