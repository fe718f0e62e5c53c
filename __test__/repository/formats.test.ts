import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { gunzipSync, gzipSync } from 'node:zlib';
import test from 'ava';
import {
  decodeHead,
  decodeManifest,
  decodeOlder,
  decodeOlderPins,
  decodeSlot,
  encodeHead,
  encodeManifest,
  encodeSlot,
} from '../../ts/repository/formats/index.js';
import { type Head, headName, type Manifest, ORIGIN, type Slot, seal } from '../../ts/repository/protocol/index.js';
import { refuses } from '../support/errors.js';

const branchId = '000102030405060708090a0b0c0d0e0f';
const owner = { node: 'n', disk: 'd', boot: 'b', renewMs: null };
const fence = seal({ branchId, epoch: 1, slot: 1, previous: '', owner });
const body = Buffer.from('records');
const sha256 = createHash('sha256').update(body).digest('hex');
const records = seal({
  branchId,
  epoch: 1,
  slot: 2,
  previous: fence.digest,
  records: { first: 1, last: 3, revision: 4, timeMs: -5, sha256, body },
});
const manifest: Manifest = {
  branchId,
  epoch: 1,
  n: 2,
  seq: 3,
  revision: 4,
  timeMs: 5,
  position: ORIGIN,
  engine: 'opaque',
  tables: [{ id: 'a', sha256, branchId, epoch: 1, n: 1 }],
};
const head: Head = {
  format: 1,
  name: 'main',
  branchId,
  kind: 'branch',
  nonce: 'b-1',
  epoch: 1,
  owner,
  manifest: null,
  retained: [],
  wal: { floor: 1, hint: 1 },
  collected: { epoch: 0, n: 0 },
  trimRevision: 0,
  policy: { keep: 1, retainMs: 0 },
  state: 'live',
  expiresMs: null,
  origin: null,
  pins: [],
  lineage: [],
  retiring: null,
  fences: null,
};

/** The bytes of a dump, as the pages of formats have them: an offset, pairs of digits, a remark. */
function bytesOf(dump: string): Buffer {
  const lines = dump.trim().split('\n');
  return Buffer.concat(
    lines.map((line) => {
      const [, zeros] = /^\w{3} {2}\((\d+) zeros\)/.exec(line) ?? [];
      if (zeros !== undefined) return Buffer.alloc(Number(zeros));
      return Buffer.from((line.slice(5).split(/ {3,}/)[0] as string).replaceAll(' ', ''), 'hex');
    }),
  );
}

test('a fence is what the page of the format says, byte by byte', async (t) => {
  const page = await readFile(new URL('../../docs/formats/repository.md', import.meta.url), 'utf8');
  const [, dump = ''] = /```\n(000 [^`]+)```/.exec(page) ?? [];
  const golden = bytesOf(dump);
  t.is(golden.toString('hex'), Buffer.from(encodeSlot(fence)).toString('hex'));
  t.deepEqual(decodeSlot('slot', golden), fence);
});

test('a slot of records comes back as it was', (t) => {
  t.deepEqual(decodeSlot('slot', encodeSlot(records)), records);
});

test('a slot of which any byte is another one is damaged', async (t) => {
  for (const slot of [fence, records]) {
    const bytes = encodeSlot(slot);
    for (let at = 0; at < bytes.length; at++) {
      const changed = Uint8Array.from(bytes);
      changed[at] = (changed[at] as number) ^ 0x10;
      // The version is read before anything else.
      const code = at >= 8 && at < 16 ? 'COPPICE_FORMAT' : 'COPPICE_CORRUPT';
      await refuses(t, code, () => decodeSlot('slot', changed), /"slot"/);
    }
    for (const length of [0, 255, bytes.length - 1]) {
      await refuses(t, 'COPPICE_CORRUPT', () => decodeSlot('slot', bytes.slice(0, length)));
    }
  }
});

test('a manifest comes back as it was, and one that says something else is damaged', async (t) => {
  const bytes = await encodeManifest(manifest);
  t.deepEqual(await decodeManifest('m', bytes), manifest);
  const text = gunzipSync(bytes).toString();
  const changed = gzipSync(text.replace('"n":1', '"n":7'));
  await refuses(t, 'COPPICE_CORRUPT', () => decodeManifest('m', changed), /its digest/);
  await refuses(t, 'COPPICE_CORRUPT', () => decodeManifest('m', bytes.slice(0, -9)), /no JSON in gzip/);
  const later = gzipSync(text.replace('"requires":[]', '"requires":["ice"]'));
  await refuses(t, 'COPPICE_FORMAT', () => decodeManifest('m', later), /needs ice/);
});

test('a head keeps what this version does not know, unless it has to be known', async (t) => {
  const later = { ...head, leaves: [{ child: 'b' }] };
  t.deepEqual(decodeHead('h', encodeHead(later)), later);
  await refuses(t, 'COPPICE_FORMAT', () => decodeHead('h', encodeHead({ ...head, requires: ['ice'] } as Head)));
  await refuses(t, 'COPPICE_FORMAT', () => decodeHead('h', encodeHead({ ...head, format: 2 } as never)), /format 2/);
  for (const bytes of ['', '{', '[]', 'null', '{"format":1}']) {
    await refuses(t, bytes === '[]' ? 'COPPICE_FORMAT' : 'COPPICE_CORRUPT', () => decodeHead('h', Buffer.from(bytes)));
  }
});

test('a head of which any field is not what it should be is damaged, and says which', async (t) => {
  const named = { epoch: 1, n: 1, sha256, seq: 1, revision: 2, timeMs: 3, floor: 1 };
  const slots = { from: 1, to: 2 };
  const pin = { name: 'b', branchId, manifest: named, slots, state: 'live', expiresMs: 4 } as const;
  const stretch = { branchId, to: 3, until: { revision: 2 } };
  const foreign = { ...named, of: branchId, end: 3 };
  const origin = { name: 'a', branchId, manifest: foreign, stretches: [stretch], state: 'pinned' } as const;
  const retained = [named, { ...named, end: 2 }];
  const full = {
    ...head,
    kind: 'tag' as const,
    expiresMs: 5,
    manifest: named,
    retained,
    older: { key: 'k', sha256 },
    olderPins: { key: 'p', sha256 },
    origin,
    pins: [pin],
    lineage: [branchId],
    retiring: { ...head, name: `main~${branchId}`, state: 'deleted' as const, olderPins: { key: 'r', sha256 } },
    fences: [1, 2],
  };
  t.deepEqual(decodeHead('h', encodeHead(full)), full);
  const wrong: Record<string, unknown[]> = {
    name: [undefined, 1],
    branchId: [undefined, null],
    kind: [null, 'twig'],
    expiresMs: ['soon', {}],
    nonce: [undefined, 7],
    epoch: [undefined, -1, 1.5, '1'],
    owner: [undefined, 'me', { ...owner, boot: undefined }, { ...owner, renewMs: 'often' }],
    manifest: [undefined, 3, { ...named, floor: undefined }, { ...named, timeMs: null }],
    retained: [undefined, {}, [null], [{ ...named, sha256: 1 }]],
    wal: [undefined, null, { floor: 1 }],
    collected: [undefined, { epoch: 0 }],
    trimRevision: [undefined, null],
    policy: [undefined, { keep: 1 }],
    older: [null, { key: 'k' }],
    olderPins: [null, { sha256 }],
    state: [null, 'dead'],
    origin: [7, { ...origin, state: 'gone' }, { ...origin, stretches: [{ ...stretch, until: { days: 1 } }] }],
    pins: [
      null,
      [{ ...pin, slots: { from: 1 } }],
      [{ ...pin, manifest: { ...named, end: -1 } }],
      [{ ...pin, expiresMs: null }],
    ],
    lineage: [null, [1]],
    retiring: [true, {}, { ...full.retiring, state: 'dead' }, { ...full.retiring, pins: [1] }],
    fences: [{}, [-1]],
    requires: [null, 'ice', [1]],
  };
  for (const [field, values] of Object.entries(wrong)) {
    for (const value of values) {
      const bytes = Buffer.from(JSON.stringify({ ...full, [field]: value }));
      const error = await refuses(t, 'COPPICE_CORRUPT', () => decodeHead('h', bytes), new RegExp(`${field} is wrong`));
      t.is(error.details?.key, 'h');
    }
  }
  t.deepEqual(decodeOlder('l', Buffer.from(JSON.stringify([named]))), [named]);
  t.deepEqual(decodeOlderPins('l', Buffer.from(JSON.stringify([pin]))), [pin]);
  for (const text of ['', '{}', '[1]', JSON.stringify([{ ...pin, state: 'dead', expiresMs: 'soon' }])]) {
    await refuses(t, 'COPPICE_CORRUPT', () => decodeOlder('l', Buffer.from(text)));
    await refuses(t, 'COPPICE_CORRUPT', () => decodeOlderPins('l', Buffer.from(text)));
  }
});

test('a head of before means what it meant, and what versions of then do not know is refused by them', async (t) => {
  const { kind, state, expiresMs, origin, pins, lineage, retiring, fences, ...before } = head;
  t.deepEqual(decodeHead('h', Buffer.from(JSON.stringify(before))), head);
  t.false('requires' in JSON.parse(Buffer.from(encodeHead(head)).toString()));
  const pin = { name: 'b', branchId, manifest: null, slots: { from: 1, to: 2 }, state: 'reserved' } as const;
  const later: [Head, string[]][] = [
    [{ ...head, state: 'gone' }, ['branches']],
    [{ ...head, pins: [{ ...pin, expiresMs: 1 }] }, ['branches']],
    [{ ...head, kind: 'tag', lineage: [branchId] }, ['tags']],
    [{ ...head, retiring: { ...head, state: 'deleted' } }, ['replacement']],
    [{ ...head, kind: 'tag', expiresMs: 1.5, state: 'deleted' }, ['branches', 'tags', 'expiry']],
  ];
  for (const [head, requires] of later) {
    t.deepEqual(JSON.parse(Buffer.from(encodeHead(head)).toString()).requires, requires);
    t.deepEqual(decodeHead('h', encodeHead(head)), head);
  }
});

test('a manifest that says nothing is damaged', async (t) => {
  for (const text of ['null', '1', '{"format":1}', '{"format":1,"manifest":null}']) {
    const error = text === '1' ? /no object/ : /damaged/;
    await refuses(t, 'COPPICE_CORRUPT', () => decodeManifest('m', gzipSync(text)), error);
  }
});

test('names of branches make keys that differ in every folder', (t) => {
  t.is(headName('main'), 'heads/main');
  t.is(headName('Feature/1'), 'heads/=46eature=2f1');
  t.is(headName('.é='), 'heads/=2e=c3=a9=3d');
});

test('slots that differ in what they say have other chain digests', (t) => {
  const others: Slot[] = [
    seal({ ...fence, epoch: 2 }),
    seal({ ...fence, owner: { ...owner, boot: 'c' } }),
    seal({ ...records, previous: '' }),
  ];
  t.is(new Set([fence, records, ...others].map(({ digest }) => digest)).size, 5);
});
