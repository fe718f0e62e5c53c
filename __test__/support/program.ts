import { spawn } from 'node:child_process';
import type { Worker } from 'node:worker_threads';
import type { open } from '../../ts/index.js';
import type { census } from '../../ts/native/index.js';

/** How a program ended, and what it printed on both streams. */
export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  output: string;
}

/** What `busy.mjs` exports: the compiled package, and ways to keep it busy. */
export interface Busy {
  open: typeof open;
  census: typeof census;
  work(db: Awaited<ReturnType<typeof open>>): Promise<unknown>[];
  thread(path: string, body: string): Worker & { ended: Promise<number>; message(): Promise<unknown> };
}

const BUSY = new URL('busy.mjs', import.meta.url).href;

export async function busy(): Promise<Busy> {
  return (await import(BUSY)) as Busy;
}

/** Runs Node with these arguments to its end. */
export function runNode(parameters: readonly string[]): Promise<Ended> {
  return run(process.execPath, parameters);
}

/**
 * Runs a program in a Node of its own: the body of an async function of `{ open, census, work, thread, path }`. `within`
 * is a command that runs the command after it.
 */
export function runProgram(path: string, body: string, within: readonly string[] = []): Promise<Ended> {
  const head = `import { open, census, work, thread } from ${JSON.stringify(BUSY)}; const path = process.argv[1];`;
  const node = [process.execPath, '--input-type=module', '--expose-gc', '-e', `${head}\n${body}`, '--', path];
  const [program, ...parameters] = [...within, ...node] as [string, ...string[]];
  return run(program, parameters);
}

function run(program: string, parameters: readonly string[]): Promise<Ended> {
  const child = spawn(program, parameters, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (text) => {
      output += text;
    });
  }
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, output }));
  });
}
