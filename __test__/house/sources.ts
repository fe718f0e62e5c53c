/** The source files of the project, as the house tests see them. */

import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Source {
  /** From the top of the project, with `/`. */
  path: string;
  text: string;
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const generated = new Set(['node_modules', 'target', 'dist', '.cache']);

function* files(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (generated.has(entry.name)) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* files(path);
    else yield path;
  }
}

/** The files below a top folder whose names end so. */
export function sources(folder: string, ending: string): Source[] {
  return [...files(join(root, folder))]
    .filter((path) => path.endsWith(ending))
    .map((path) => ({ path: relative(root, path).replaceAll(sep, '/'), text: readFileSync(path, 'utf8') }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

const isTest = (path: string) => /(^|\/)(tests?|testing|simulation|golden|fuzz)(\/|\.rs$)/.test(path);

/** What is shipped of the Rust: without test files, and without the test modules at the ends of files. */
export function shippedRust(folder = 'crates'): Source[] {
  return sources(folder, '.rs')
    .filter(({ path }) => !isTest(path))
    .map(({ path, text }) => ({ path, text: text.split(/^#\[cfg\(test\)\]\nmod /m)[0] as string }));
}

/** The lines that a reader would call code: comments taken away, numbered from 1. */
export function codeLines(text: string): { number: number; line: string }[] {
  return text
    .split('\n')
    .map((line, index) => ({
      number: index + 1,
      line: line.replace(/^\s*(\/\/|\*|\/\*).*$/, '').replace(/ \/\/ .*$/, ''),
    }))
    .filter(({ line }) => line.trim() !== '');
}
