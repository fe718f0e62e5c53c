import { readFile } from 'node:fs/promises';
import test from 'ava';

const SUB_PATHS = {
  './encoding': ['TupleDouble', 'TupleFloat', 'TupleUuid', 'TupleVersionstamp', 'packTuple', 'unpackTuple'],
  './errors': ['CoppiceError'],
  './k4': ['k4', 'openK4'],
  './keyv': ['KeyvCoppice', 'KeyvCoppice5'],
  './level': ['CoppiceLevel'],
  './unstorage': ['default'],
};

test('a sub-path exports what is public and nothing else, the same as the package does', async (t) => {
  const { exports } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8')) as {
    exports: Record<string, { default: string }>;
  };
  t.deepEqual(Object.keys(exports), ['.', ...Object.keys(SUB_PATHS), './package.json']);
  const load = (path: string) => {
    const source = exports[path]!.default.replace(/^\.\/dist\/(.*)\.js$/, '../ts/$1.ts');
    return import(new URL(source, import.meta.url).href) as Promise<Record<string, unknown>>;
  };
  const main = await load('.');
  for (const [path, names] of Object.entries(SUB_PATHS)) {
    const found = await load(path);
    t.deepEqual(Object.keys(found).sort(), names);
    for (const name of names) if (name in main) t.is(found[name], main[name], name);
  }
});
