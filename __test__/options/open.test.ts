import test from 'ava';
import { resolveOpen } from '../../ts/options/open.js';
import { refuses } from '../support/errors.js';

test('every option has a default', (t) => {
  const { engine, keys, values, durability } = resolveOpen({});
  t.deepEqual(engine, {
    createIfMissing: true,
    errorIfExists: false,
    readOnly: false,
    history: undefined,
    retain: { retainRevisions: undefined, retainMs: undefined },
    recovery: 'strict',
    memoryBytes: 64 << 20,
    memtableBytes: undefined,
    cacheBytes: undefined,
    maxDiskBytes: undefined,
    compression: true,
    blobBytes: 4_096,
    filter: 'auto',
    memtable: { maxLevel: 8, probability: 1 / 16 },
    compaction: { policy: 'levelled', threads: undefined, bytesPerSecond: undefined, intervalMs: undefined },
    syncIntervalMs: 1_000,
  });
  t.is(keys.name, 'utf8');
  t.is(values.name, 'utf8');
  t.is(durability, 'disk');
});

test('an option that is undefined counts as absent', (t) => {
  t.deepEqual(resolveOpen({ memoryBytes: undefined, nonsense: undefined } as never), resolveOpen({}));
});

const WRONG: Record<string, unknown[]> = {
  keyEncoding: ['utf16', 1, {}],
  valueEncoding: ['xml', null],
  createIfMissing: [1, 'yes', null],
  errorIfExists: [0],
  readOnly: ['false'],
  recovery: ['lenient', true],
  durability: ['memory', true, null],
  memoryBytes: [0, -1, 1.5, (16 << 20) - 1, '64MiB', Number.POSITIVE_INFINITY, Number.NaN],
  memtableBytes: [0, 2 ** 40],
  cacheBytes: [1, '1'],
  maxDiskBytes: [0, -5],
  compression: ['zstd', true],
  blobBytes: [-1, 1.5, '4096', Number.NaN, Number.NEGATIVE_INFINITY],
  'memtable.maxLevel': [0, 17, 1.5],
  'memtable.probability': [0, 1, '0.5', Number.NaN],
  filter: ['bloom', true],
  'compaction.policy': ['leveled', true, null],
  'compaction.threads': [0, 17, 1.5],
  'compaction.bytesPerSecond': [0, 65_535, '1e9'],
  'compaction.intervalMs': [0, 999, 2 ** 41],
  syncIntervalMs: [0, -1, 3_600_001],
  signal: [{}, new AbortController()],
};

for (const [option, values] of Object.entries(WRONG)) {
  test(`a wrong ${option} is refused with an error that names it`, async (t) => {
    for (const value of values) {
      const [outer, inner] = option.split('.') as [string, string?];
      const options = { [outer]: inner === undefined ? value : { [inner]: value } };
      const error = await refuses(t, 'COPPICE_INVALID', () => resolveOpen(options as never));
      t.true(error.message.startsWith(`${option} must be`), error.message);
      t.is(error.details?.option, option);
    }
  });
}

test('an unknown option is refused by name, with the names there are', async (t) => {
  const error = await refuses(
    t,
    'COPPICE_INVALID',
    () => resolveOpen({ chacheBytes: 1 } as never),
    /unknown option "chacheBytes"/,
  );
  t.regex(error.message, /did you mean "cacheBytes"\?\): it takes keyEncoding/);
  for (const [given, meant] of [
    ['durabillity', 'durability'],
    ['readonly', 'readOnly'],
    ['valueEncodings', 'valueEncoding'],
    ['sotre', 'store'],
  ] as const)
    await refuses(t, 'COPPICE_INVALID', () => resolveOpen({ [given]: 1 }), new RegExp(`did you mean "${meant}"`));
  for (const far of ['x', 'ttl', 'prefixed'])
    await refuses(t, 'COPPICE_INVALID', () => resolveOpen({ [far]: 1 }), new RegExp(`"${far}" of open: it takes`));
  await refuses(
    t,
    'COPPICE_INVALID',
    () => resolveOpen({ memtable: { levels: 3 } } as never),
    /unknown option "levels" of memtable/,
  );
});

test('options that are not an object are refused', async (t) => {
  for (const options of [null, 1, 'x', []])
    await refuses(t, 'COPPICE_INVALID', () => resolveOpen(options as never), /an object/);
});

test('an option of a later version is refused as such', async (t) => {
  for (const option of ['log', 'collect']) {
    await refuses(
      t,
      'COPPICE_UNSUPPORTED',
      () => resolveOpen({ [option]: {} } as never),
      new RegExp(`"${option}".*later version`),
    );
  }
  await refuses(t, 'COPPICE_UNSUPPORTED', () => resolveOpen({ durability: 'remote' }), /needs an object store/);
  await refuses(t, 'COPPICE_UNSUPPORTED', () => resolveOpen({ durability: 'replicated' } as never), /needs a cluster/);
});

test('options that contradict each other are refused', async (t) => {
  await refuses(t, 'COPPICE_INVALID', () => resolveOpen({ readOnly: true, errorIfExists: true }), /contradict/);
});

test('what is kept of a history is checked', async (t) => {
  t.like(resolveOpen({}).engine, { history: undefined, retain: { retainRevisions: undefined, retainMs: undefined } });
  t.like(resolveOpen({ history: true, retain: { ms: 5 } }).engine, { history: true, retain: { retainMs: 5 } });
  await refuses(t, 'COPPICE_INVALID', () => resolveOpen({ history: 1 as never }), /history must be true or false/);
  await refuses(t, 'COPPICE_INVALID', () => resolveOpen({ retain: { revisions: 0 } }), /retain.revisions/);
  await refuses(t, 'COPPICE_INVALID', () => resolveOpen({ history: false, retain: { revisions: 5 } }), /retain is for/);
});

test('a read-only database is never created', (t) => {
  t.false(resolveOpen({ readOnly: true }).engine.createIfMissing);
});
