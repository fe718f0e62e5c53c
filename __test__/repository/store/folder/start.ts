import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';

export interface Writer {
  child: ChildProcess;
  /** Whole lines that it has printed. */
  lines(): string[];
  output(): string;
}

/** Starts `writer.ts` in a process of its own, which ends with the test. */
export function startWriter(t: ExecutionContext, ...parameters: (string | number)[]): Writer {
  const script = fileURLToPath(new URL('writer.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import=tsx', script, ...parameters.map(String)]);
  t.teardown(() => child.kill('SIGKILL'));
  let printed = '';
  let complaints = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    printed += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    complaints += text;
  });
  return {
    child,
    lines: () => printed.split('\n').slice(0, -1),
    output: () => printed + complaints,
  };
}
