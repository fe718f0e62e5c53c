/** What may be called only in one place, or nowhere: each seam has a file, and nothing goes around it. */

import test from 'ava';
import { codeLines, type Source, shippedRust, sources } from './sources.js';

interface Rule {
  why: string;
  pattern: RegExp;
  /** The only files that may. */
  allowed: RegExp;
}

const nowhere = /$^/;

const rust: Rule[] = [
  {
    why: 'the disk has one seam, or failures could not be simulated',
    pattern: /\b(std::fs|fs::|File::open|File::create)\b/,
    allowed: /(engine\/src\/disk\/os\/|node\/src\/registry\/identity\.rs$)/,
  },
  {
    why: 'the clock has one seam, or expiry could not be replayed',
    pattern: /\bSystemTime\b/,
    allowed: /engine\/src\/environment\.rs$/,
  },
  {
    why: 'the monotonic clock is for waiting and for statistics only',
    pattern: /\bInstant::now\b/,
    allowed: /engine\/src\/(background|backoff|work|state|stats|waits)\.rs$/,
  },
  {
    why: 'what Rust has to say it says by an error or an event',
    pattern: /\b(println|eprintln|print|eprint|dbg)!/,
    allowed: nowhere,
  },
  { why: 'nothing sleeps: it waits for what it needs', pattern: /\bthread::sleep\b/, allowed: nowhere },
  {
    why: 'unsafe code stands in few files, each of which says why it is sound',
    pattern: /\bunsafe (\{|fn|impl|trait)/,
    allowed:
      /(engine\/src\/memtable\/(arena|list|mod|writer)|node\/src\/(raw|context|shared|mailbox)|ffi\/src\/pointer)\.rs$/,
  },
  {
    why: 'a panic without words does not say which invariant broke',
    pattern: /\.unwrap\(\)|\bunreachable!\(\)/,
    allowed: nowhere,
  },
  { why: 'unfinished work is not committed', pattern: /\b(todo|unimplemented)!/, allowed: nowhere },
];

const typescript: Rule[] = [
  { why: 'the library prints nothing', pattern: /\bconsole\./, allowed: /^ts\/(cli|tour)\// },
  { why: 'the library does not end its host', pattern: /\bprocess\.exit\(/, allowed: /^ts\/(cli|tour)\// },
  // The one there is never fires: it keeps the process alive while writes wait.
  { why: 'nothing polls', pattern: /\bsetInterval\(/, allowed: /^ts\/(write-queue\.ts$|cli\/|tour\/)/ },
  {
    why: 'the SDK is loaded by the first call of a store in S3, not by everyone who imports coppice',
    pattern: /^import (?!type\b).*@aws-sdk/,
    allowed: nowhere,
  },
  { why: 'code is not made from text', pattern: /\b(eval|new Function)\(/, allowed: nowhere },
  {
    why: 'a type that is wrong is mended',
    pattern: /@ts-(ignore|nocheck|expect-error)|biome-ignore/,
    allowed: nowhere,
  },
  {
    why: 'only the addon, the version and the SDK are loaded at run time',
    pattern: /\bcreateRequire\b|\brequire(Here)?\(/,
    allowed: /^ts\/(place|native\/(load|missing)|cli\/run|repository\/store\/s3\/client)\.ts$/,
  },
  {
    why: 'callers branch on the code of an error, so each has one',
    pattern: /\bthrow new (Error|TypeError|RangeError)\b/,
    allowed: nowhere,
  },
];

function broken(rules: Rule[], files: Source[]): string[] {
  return files.flatMap(({ path, text }) =>
    codeLines(text).flatMap(({ number, line }) =>
      rules
        .filter(({ pattern, allowed }) => pattern.test(line) && !allowed.test(path))
        .map(({ why }) => `${path}:${number}: ${why}: ${line.trim()}`),
    ),
  );
}

test('Rust goes through its seams', (t) => {
  t.deepEqual(broken(rust, shippedRust()), []);
});

test('TypeScript goes through its seams', (t) => {
  t.deepEqual(broken(typescript, sources('ts', '.ts')), []);
});

test('nothing is left for later, and nothing names the machine it was made on', (t) => {
  const texts = ['crates', 'ts', '__test__', 'bench', 'docs', 'scripts'].flatMap((folder) =>
    ['.rs', '.ts', '.mjs', '.md'].flatMap((ending) => sources(folder, ending)),
  );
  const mark = new RegExp(['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X', '/ho' + 'me/', '/wo' + 'rk/'].join('|'));
  t.deepEqual(
    // TAP has a word of its own for tests that may fail.
    texts.filter(({ path, text }) => path !== 'scripts/test.mjs' && mark.test(text)).map(({ path }) => path),
    [],
  );
});

test('every Rust file belongs to a module', (t) => {
  const files = sources('crates', '.rs').filter(({ path }) => path.includes('/src/'));
  const orphans = files.filter(({ path }) => {
    const parts = path.replace(/(\/mod)?\.rs$/, '').split('/');
    const name = parts.pop();
    const folder = parts.join('/');
    if (name === 'lib' || name === 'main') return false;
    const parents = [`${folder}/mod.rs`, `${folder}.rs`, `${folder}/lib.rs`];
    const declaration = new RegExp(`\\bmod ${name};|path = "${name}\\.rs"`);
    return !files.some((file) => parents.includes(file.path) && declaration.test(file.text));
  });
  t.deepEqual(
    orphans.map(({ path }) => path),
    [],
  );
});
