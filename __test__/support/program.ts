import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
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

/** Runs some rounds of a program of `failure/`, which prints the figures of what it has shown. */
export async function runRounds(
  name: string,
  rounds: number,
  environment: Record<string, string> = {},
): Promise<Ended & { figures: Record<string, number> }> {
  const script = fileURLToPath(new URL(`../failure/${name}/rounds.ts`, import.meta.url));
  const parameters = ['--expose-gc', '--import=tsx', script];
  const ended = await run(process.execPath, parameters, { COPPICE_ROUNDS: String(rounds), ...environment });
  const found = /^figures: (.*)$/m.exec(ended.output);
  return { ...ended, figures: found === null ? {} : JSON.parse(found[1] as string) };
}

/**
 * Runs a program in a Node of its own: the body of an async function of what `busy.mjs` exports and `path`. `within`
 * is a command that runs the command after it.
 */
export function runProgram(path: string, body: string, within: readonly string[] = []): Promise<Ended> {
  const names = 'open, census, environment, work, thread';
  const head = `import { ${names} } from ${JSON.stringify(BUSY)}; const path = process.argv[1];`;
  const node = [process.execPath, '--input-type=module', '--expose-gc', '-e', `${head}\n${body}`, '--', path];
  const [program, ...parameters] = [...within, ...node] as [string, ...string[]];
  return run(program, parameters);
}

/** Runs any program to its end, in a folder. */
export function run(
  program: string,
  parameters: readonly string[],
  environment = {},
  folder = process.cwd(),
): Promise<Ended> {
  const env = { ...process.env, ...environment };
  const child = spawn(program, parameters, { stdio: ['ignore', 'pipe', 'pipe'], env, cwd: folder });
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
