import { join } from 'node:path';
import test from 'ava';
import { svgOf } from '../ts/cli/picture/svg.js';
import { type LogEvent, open, storeLog } from '../ts/index.js';
import { inOrder } from '../ts/repository/log/order.js';
import { temporaryFolder } from './support/database.js';
import { refuses } from './support/errors.js';

test('the log of an encrypted store needs its key', async (t) => {
  const folder = await temporaryFolder(t);
  const [store, encryption] = [join(folder, 'store'), { key: '0f'.repeat(32) }];
  const db = await open(join(folder, 'data'), { store, durability: 'remote', encryption });
  await db.put('a', '1');
  await db.checkpoint();
  await db.close();
  await refuses(t, 'COPPICE_ENCRYPTED', () => storeLog(store), /key/);
  t.deepEqual(
    (await storeLog(store, { encryption })).map(({ type }) => type),
    ['end', 'checkpoint', 'checkpoint', 'takeover'],
  );
  await refuses(t, 'COPPICE_NOT_FOUND', () => storeLog(store, { encryption, branch: 'absent' }), /no branch "absent"/);
});

/** An event at a second of one day. */
function event(type: 'end' | 'checkpoint' | 'takeover', branch: string, revision: number, second: number): LogEvent {
  const happened = { branch, id: branch, revision, at: new Date(second * 1_000), time: 'exact' } as const;
  if (type === 'checkpoint') return { type, ...happened, tables: 1, sharedBytes: 0, ownBytes: 1 };
  return type === 'end' ? { type, ...happened, expiresAt: null } : { type, ...happened, epoch: 1, owner: 'somebody' };
}

test('whatever the clocks of the writers, a branch comes after what it has grown from', (t) => {
  const { id, revision, at, time } = event('checkpoint', 'child', 5, 50);
  const grown = { type: 'branch', branch: id, id, revision, at, time, from: 'main', fromId: 'main' } as const;
  const stories = [
    [event('end', 'main', 9, 90), event('checkpoint', 'main', 5, 50), event('takeover', 'main', 1, 99)],
    // Its clock is behind, and goes back.
    [event('end', 'child', 7, 10), event('checkpoint', 'child', 6, 20), grown],
  ];
  for (const order of [stories, [...stories].reverse()]) {
    t.deepEqual(
      inOrder(order).map(({ type, branch }) => `${branch} ${type}`),
      ['main end', 'child end', 'child checkpoint', 'child branch', 'main checkpoint', 'main takeover'],
    );
  }
});

test('whatever a branch is called, the picture is XML, and says it', (t) => {
  const svg = svgOf([event('end', '<a href="x">&\n\u0000]]>', 1, 1)]);
  t.notRegex(svg, /[^\P{Cc}\n]|<a |href="x"/u);
  t.true(svg.includes('&lt;a href=&quot;x&quot;&gt;&amp;\\u{a}\\u{0}]]&gt;'));
  t.regex(
    svg,
    /^<svg [^>]*role="img" aria-labelledby="title desc">\n<title id="title">.*\n<desc id="desc">1 branches, 1 events/,
  );
});
