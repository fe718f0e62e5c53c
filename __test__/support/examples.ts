/** Examples of pages and manuals: where they stand, and what they print. */

import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

const root = new URL('../../', import.meta.url);
const { exports } = JSON.parse(await readFile(new URL('package.json', root), 'utf8')) as {
  exports: Record<string, { default: string }>;
};

/** The code between the fences of a page, of one language. */
export function blocksOf(page: string, language: string): string[] {
  return [...page.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(
    ([, code]) => code as string,
  );
}

/** The examples above the functions of a source file. */
export function examplesOf(source: string): string[] {
  const manuals = source.match(/^ *\/\*\*[\s\S]*?\*\//gm) ?? [];
  return manuals.flatMap((manual) => blocksOf(manual.replaceAll(/^ *\* ?/gm, ''), 'ts'));
}

/** The same program over the sources of the package, and over the packages that this one has installed. */
export function overSources(code: string): string {
  const ours = code.replaceAll(/'coppice(\/[a-z0-9]+)?'/g, (_, path = '') => {
    const source = exports[`.${path}`]?.default.replace(/^\.\/dist\/(.*)\.js$/, 'ts/$1.ts');
    return `'${new URL(source as string, root).href}'`;
  });
  return ours.replaceAll(/ from '([a-z][a-z0-9-]*)'/g, (_, name) => ` from '${import.meta.resolve(name)}'`);
}

/** The lines that a program says it prints: what stands behind `console.log`. */
export function saidOf(code: string): string[] {
  return [...code.matchAll(/console\.log\(.*\);? \/\/ (.*)/g)].map(([, line]) => line as string);
}

/** Whether these lines were printed in this order; other lines may stand between them, and more behind each. */
export function hasPrinted(printed: string, lines: readonly string[]): boolean {
  const left = printed.split('\n');
  return lines.every((line) => {
    const at = left.findIndex((given) => given.startsWith(line));
    left.splice(0, at + 1);
    return at !== -1;
  });
}

/** Runs a program of a folder in a process of its own; answers what it has printed. It rejects if the program fails. */
export async function runFile(folder: string, name: string, parameters: readonly string[] = []): Promise<string> {
  const tsx = import.meta.resolve('tsx');
  const all = [`--import=${tsx}`, '--unhandled-rejections=strict', name, ...parameters];
  return (await promisify(execFile)(process.execPath, all, { cwd: folder })).stdout;
}

/** What a program has printed, and the error that it has ended with, if it has. */
export interface Ran {
  readonly printed: string;
  readonly error?: { readonly code: string; readonly stack: string };
}

/** Runs programs one after the other, each in a new folder of its own, all in one process. */
export async function runExamples(folder: string, programs: readonly string[]): Promise<Ran[]> {
  const mark = '--- the example ended with ';
  const steps = programs.map(async (code, i) => {
    const own = join(folder, `example${i}`);
    await mkdir(own);
    const file = join(own, 'example.mts');
    await writeFile(file, overSources(code));
    return `process.chdir(${JSON.stringify(own)});
ended(await import(${JSON.stringify(pathToFileURL(file).href)}).then(() => {}, (error) => error));`;
  });
  const ended = `function ended(error) {
  console.log(${JSON.stringify(mark)} + JSON.stringify(error && { code: String(error.code), stack: String(error.stack) }));
}`;
  await writeFile(join(folder, 'all.mts'), [ended, ...(await Promise.all(steps)), 'process.exit();'].join('\n'));
  const parts = (await runFile(folder, 'all.mts')).split(mark);
  return parts.slice(1).map((part, i) => {
    const error = part.slice(0, part.indexOf('\n'));
    const before = parts[i] as string;
    const printed = i === 0 ? before : before.slice(before.indexOf('\n') + 1);
    return error === 'undefined' ? { printed } : { printed, error: JSON.parse(error) };
  });
}
