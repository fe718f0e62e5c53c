import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../ts/tour/main.ts', import.meta.url));

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  out: string;
  err: string;
}

/** Starts the tour as `npm start` does, in a process group of its own, as a terminal does. */
export function startTour(args: readonly string[], during?: (child: ChildProcess) => void): Promise<Ended> {
  const child = spawn(process.execPath, ['--import=tsx', MAIN, ...args], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  during?.(child);
  const out = text(child.stdout).catch(() => '');
  return ended(child, out, text(child.stderr));
}

/** What Ctrl-C does: the signal goes to the process and to every process that it has started. */
export function interrupt(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null) return;
  process.kill(-child.pid, 'SIGINT');
}

async function ended(child: ChildProcess, out: Promise<string>, err: Promise<string>): Promise<Ended> {
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return { code, signal, out: await out, err: await err };
}
