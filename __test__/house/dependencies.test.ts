import { readFileSync } from 'node:fs';
import test from 'ava';
import { sources } from './sources.js';

const page = sources('docs', 'dependencies.md')[0]?.text ?? '';
const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

/** What the rows of the page are about. */
function named(): Set<string> {
  const rows = page.split('\n').filter((line) => line.startsWith('| `'));
  return new Set(rows.flatMap((row) => [...row.split('|')[1]!.matchAll(/`([^`]+)`/g)].map(([, name]) => name!)));
}

/** Crates of a manifest that are not our own. */
function cratesOf(manifest: string): string[] {
  const sections = manifest.split(/^\[/m).filter((section) => /^[^\]]*dependencies\]/.test(section));
  const names = sections.flatMap((section) => [...section.matchAll(/^([a-z0-9_-]+)(?:\.workspace)? *=/gm)]);
  return names.map(([, name]) => name!).filter((name) => !name.startsWith('coppice-'));
}

test('each dependency has its reason, and each reason its dependency', (t) => {
  const { dependencies, devDependencies } = JSON.parse(read('package.json')) as Record<string, Record<string, string>>;
  const crates = ['engine', 'ffi', 'fuzz', 'node'].flatMap((name) => cratesOf(read(`crates/${name}/Cargo.toml`)));
  const used = new Set([...Object.keys({ ...dependencies, ...devDependencies }), ...crates]);
  t.true(used.has('ring') && used.has('ava'));
  t.deepEqual([...named()].sort(), [...used].sort());
});
