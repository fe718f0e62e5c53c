/** Imports point down only: the layers of the engine, of the API, and of the crates. */

import { posix } from 'node:path';
import test from 'ava';
import { type Source, shippedRust, sources } from './sources.js';

/** From the bottom up. What stands on one line may know each other. A longer name wins over its beginning. */
const engine = [
  ['error', 'limits', 'coding', 'key', 'entry', 'names', 'sync', 'waits', 'damage'],
  ['disk', 'environment', 'encryption', 'simulation'],
  ['range_delete', 'batch', 'codec', 'filter', 'blob', 'marks'],
  ['wal'],
  ['dead_runs', 'memtable', 'table', 'cursor'],
  ['manifest', 'snapshot', 'options'],
  ['version', 'compaction'],
  ['pin'],
  ['state', 'replicated', 'work', 'rate', 'pressure', 'stats', 'announce'],
  [
    'read',
    'range',
    'sources',
    'guard',
    'diff',
    'write',
    'draft',
    'trim',
    'large',
    'flush',
    'upkeep',
    'compaction/run',
    'compaction/turns',
    'compaction/hidden',
    'compaction/output',
    'compaction/blobs',
  ],
  ['recovery', 'checkpoint', 'backup', 'verify', 'background', 'backoff', 'salvage', 'replication'],
  ['db'],
  ['lib'],
];

const api = [
  ['errors', 'limits', 'place', 'uncaught'],
  ['native', 'options', 'encoding', 'abort', 'events', 'turns'],
  ['repository'],
  ['keyspace', 'write-queue', 'stats'],
  [
    'handle',
    'pin',
    'batch',
    'chunks',
    'changes',
    'range',
    'reader',
    'writer',
    'merge',
    'snapshot',
    'sublevel',
    'transaction',
    'ttl',
    'upkeep',
    'salvage',
    'restore',
    'log',
    'compare',
  ],
  ['scrub', 'copies', 'branches', 'detach'],
  ['database'],
  ['open'],
  ['replay', 'backing'],
  ['index', 'exports'],
  ['level', 'keyv', 'unstorage', 'k4'],
  ['cli'],
];

function layerOf(layers: string[][], name: string): number {
  const named = (known: string) => name === known || name.startsWith(`${known}/`);
  const best = layers
    .flat()
    .filter(named)
    .sort((a, b) => b.length - a.length)[0];
  return layers.findIndex((layer) => best !== undefined && layer.includes(best));
}

/** The imports that point up, and the files that have no place. */
function wrong(
  layers: string[][],
  files: Source[],
  name: (path: string) => string,
  imports: (file: Source) => string[],
) {
  return files.flatMap((file) => {
    const layer = layerOf(layers, name(file.path));
    if (layer < 0) return [`${file.path} stands in no layer`];
    return imports(file)
      .filter((imported) => layerOf(layers, imported) > layer)
      .map((imported) => `${file.path} imports ${imported}`);
  });
}

test('the engine imports downwards', (t) => {
  const files = shippedRust('crates/engine/src');
  const name = (path: string) => path.replace('crates/engine/src/', '').replace(/(\/mod)?\.rs$/, '');
  const imports = ({ text }: Source) => [...text.matchAll(/\bcrate::(\w+)/g)].map(([, module]) => module as string);
  t.true(files.length > 50, 'the files were found');
  t.deepEqual(wrong(engine, files, name, imports), []);
});

test('the API imports downwards', (t) => {
  const files = sources('ts', '.ts').filter(({ path }) => !path.startsWith('ts/tour/'));
  const name = (path: string) => path.replace('ts/', '').replace(/(\/index)?\.(ts|js)$/, '');
  const imports = ({ path, text }: Source) =>
    [...text.matchAll(/(?:from|import\() ?'(\.[^']+)'/g)].map(([, to]) =>
      name(posix.join(posix.dirname(path), to as string)),
    );
  t.true(files.length > 40, 'the files were found');
  t.deepEqual(wrong(api, files, name, imports), []);
});

test('a folder is entered by its index', (t) => {
  const folders = [
    'native',
    'encoding',
    'encoding/tuple',
    'cli/commands',
    'repository/formats',
    'repository/log',
    'repository/protocol',
    'repository/shell',
    'repository/store',
    'repository/store/folder',
    'repository/store/s3',
  ];
  const past = sources('ts', '.ts').flatMap(({ path, text }) =>
    [...text.matchAll(/from '(\.[^']+)'/g)].flatMap(([, to]) => {
      const target = posix.join(posix.dirname(path), to as string);
      const folder = folders.find((folder) => posix.dirname(target) === `ts/${folder}`);
      const inside = folder !== undefined && path.startsWith(`ts/${folder}/`);
      // Types of the addon are plain data, which every layer above it may name.
      const open = folder === undefined || inside || /\/(index|types)\.js$/.test(target);
      return open ? [] : [`${path} reaches ${target}`];
    }),
  );
  t.deepEqual(past, []);
});

test('the engine knows nothing of Node', (t) => {
  const knowing = shippedRust('crates/engine/src').filter(({ text }) => /\bnapi\b/.test(text));
  t.deepEqual(
    knowing.map(({ path }) => path),
    [],
  );
});
