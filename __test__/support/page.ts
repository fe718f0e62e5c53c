import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { coppice } from './command.js';

/** The words of a line of a page, with `./` in a folder of the test's own. */
export function wordsOf(line: string, folder: string): string[] {
  return line.split(' ').map((word) => (word.startsWith('./') ? join(folder, word) : word));
}

/** Runs a command of a page, which has to succeed; `replaced`: other words for some. Answers what it has printed. */
export async function runLine(
  t: ExecutionContext,
  line: string,
  folder: string,
  replaced: Readonly<Record<string, string>>,
): Promise<string> {
  const words = wordsOf(line, folder);
  t.deepEqual(words.splice(0, 2), ['npx', 'coppice'], line);
  const { code, out, err } = await coppice(words.map((word) => replaced[word] ?? word));
  t.is(code, 0, `${line}: ${out}${err}`);
  return out;
}
