import type { Readable } from 'node:stream';

/** Calls `each` with the words of every whole line of a child's output; a line that a kill cut short is none. */
export function eachLine(output: Readable, each: (words: string[]) => void): void {
  let rest = '';
  output.setEncoding('utf8');
  output.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() as string;
    for (const line of lines) each(line.split(' '));
  });
}
