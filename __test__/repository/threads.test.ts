/** A database in a store that several threads of one process have open, and that end in any way. */

import { rmSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { fsStore, open, resetBranch } from '../../ts/index.js';
import { branchesIn } from '../../ts/repository/index.js';
import { temporaryFolder } from '../support/database.js';
import { refuses } from '../support/errors.js';
import { seedOfRun, splitMix32 } from '../support/random.js';
import { type Stored, Thread } from './threads/thread.js';

const ROUNDS = Number(process.env.COPPICE_ROUNDS ?? 8);

class Place {
  readonly folder: string;
  readonly store: string;
  readonly threads: Thread[] = [];

  constructor(top: string) {
    this.folder = join(top, 'db');
    this.store = join(top, 'store');
  }

  /** One more thread, which has opened the database. */
  async thread(options = {}, folder = this.folder): Promise<Thread> {
    const thread = new Thread(folder, this.store);
    this.threads.push(thread);
    await thread.ask('open', options);
    return thread;
  }

  set isAway(isAway: boolean) {
    if (isAway) writeFileSync(`${this.store}.away`, '');
    else rmSync(`${this.store}.away`, { force: true });
  }
}

async function place(t: ExecutionContext): Promise<Place> {
  const here = new Place(await temporaryFolder(t));
  t.teardown(() => Promise.all(here.threads.map((thread) => thread.terminate())));
  return here;
}

/** Everything that was told to be stored is in the branch, where it was told to be. */
async function checkStored(t: ExecutionContext, { store, folder }: Place, stored: readonly Stored[]): Promise<void> {
  await rm(`${folder}-copy`, { recursive: true, force: true });
  const copy = await open(`${folder}-copy`, { store, readOnly: true });
  for (const { key, revision } of stored) t.is((await copy.getEntry(key))?.revision, revision, key);
  t.true((await copy.verify()).ok);
  await copy.close();
}

test('threads share a branch, and when the one that ships is terminated with puts in flight the others go on', async (t) => {
  t.timeout(600_000);
  const here = await place(t);
  const seed = seedOfRun();
  const random = splitMix32(seed);
  const checkpoint = { everySlots: 20, keep: 1, keepMs: 0 };
  let threads = [
    await here.thread({ checkpoint }),
    await here.thread({ checkpoint }),
    await here.thread({ checkpoint }),
  ];
  const gone: Thread[] = [];
  for (const [n, thread] of threads.entries()) thread.ask('write', `first${n}`);
  for (let round = 0; round < ROUNDS; round++) {
    const [first, ...others] = threads as [Thread, ...Thread[]];
    const before = others.map(({ stored }) => stored.length);
    await setTimeout(random(200));
    if (random(2) === 0) await first.terminate();
    else await first.exit();
    gone.push(first);
    // They would wait for ever if nobody went on.
    while (others.some(({ stored }, n) => stored.length < (before[n] as number) + 5)) await setTimeout(5);
    const next = await here.thread({ checkpoint });
    next.ask('write', `round${round}`);
    threads = [...others, next];
  }
  const { epoch } = await (threads.at(-1) as Thread).ask('status');
  // Whoever ends is not always the one that ships, but for the first.
  t.true(epoch > 1 && epoch <= ROUNDS + 1, `epoch ${epoch}`);
  await Promise.all(threads.map((thread) => thread.terminate()));
  const stored = [...gone, ...threads].flatMap((thread) => thread.stored);
  t.log(`COPPICE_SEED=${seed}: ${stored.length} commits stored, ${epoch} epochs`);
  await checkStored(t, here, stored);
  const revisions = stored.map(({ revision }) => revision);
  t.is(new Set(revisions).size, revisions.length);
  // Nobody was left to give it up.
  t.not((await branchesIn(fsStore(here.store)))[0]?.owner, null);
  const again = await here.thread();
  t.is(await again.ask('put', 'after', 'all'), (await again.ask('status')).revision);
  await again.ask('close');
});

test('threads that end while another node takes the branch: what was stored is there, what was fenced is not', async (t) => {
  t.timeout(600_000);
  const here = await place(t);
  const seed = seedOfRun();
  const random = splitMix32(seed);
  const all: Thread[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const threads = [await here.thread(), await here.thread(), await here.thread()];
    all.push(...threads);
    const writing = threads.map((thread, n) => thread.ask('write', `${round}.${n}`));
    await setTimeout(random(100));
    const rival = open(`${here.folder}2`, { store: here.store, durability: 'remote' });
    await setTimeout(random(30));
    const [doomed] = threads.splice(random(2), 1);
    const [survivors] = [random(2) === 0 ? writing.filter((_, n) => all.at(n - 3) !== doomed) : writing];
    if (survivors !== writing) await doomed?.terminate();
    else threads.push(doomed as Thread);
    await (await rival).put(`rival ${round}`, 'x');
    await Promise.all(survivors as Promise<unknown>[]);
    await Promise.all(threads.map((thread) => thread.ask('close')));
    await (await rival).close();
  }
  const stored = all.flatMap((thread) => thread.stored);
  const failed = all.flatMap((thread) => thread.failed);
  await checkStored(t, here, stored);
  const copy = await open(`${here.folder}-copy`, { store: here.store, readOnly: true });
  const counts: Record<string, number> = { stored: stored.length };
  for (const { key, code, message } of failed) {
    counts[code] = (counts[code] ?? 0) + 1;
    if (code !== 'COPPICE_UNKNOWN_OUTCOME') t.is(await copy.get(key), undefined, `${key} ${code} ${message}`);
    const isExpected = ['COPPICE_FENCED', 'COPPICE_UNKNOWN_OUTCOME', 'COPPICE_CLOSED'].includes(code);
    if (!isExpected) t.fail(`${code} ${message}`);
  }
  await copy.close();
  t.log(`COPPICE_SEED=${seed}: ${JSON.stringify(counts)}`);
});

test('a thread that closes hands the shipping over, with puts in flight in another', async (t) => {
  const here = await place(t);
  const [first, second] = [await here.thread(), await here.thread()];
  await first.ask('put', 'a', '1');
  here.isAway = true;
  const waiting = second.ask('put', 'b', '2');
  const closing = first.ask('close', { timeoutMs: 0 });
  await closing;
  here.isAway = false;
  t.is(await waiting, 3);
  t.is(await second.ask('checkpoint'), 3);
  t.like(await second.ask('status'), { role: 'leading', epoch: 2, unshipped: 0 });
  t.deepEqual(await second.ask('close'), { unshipped: 0 });
  t.is((await branchesIn(fsStore(here.store)))[0]?.owner, null);
  await checkStored(t, here, [
    { key: 'a', revision: 2 },
    { key: 'b', revision: 3 },
  ]);
});

test('every thread is told when the branch is lost, and of a store that cannot be reached', async (t) => {
  const here = await place(t);
  const options = { durability: 'disk', unshippedBytesMax: 1 << 20 };
  const [first, second] = [await here.thread(options), await here.thread(options)];
  t.is(await second.ask('put', 'a', '1', { durability: 'remote' }), 2);
  here.isAway = true;
  const fill = async () => {
    for (let n = 0; n < 100; n++) await second.ask('put', `fill${n}`, 'x'.repeat(50_000));
  };
  await refuses(t, 'COPPICE_BUSY', fill);
  t.true((await second.ask('pressure')) >= 1);
  t.true((await second.ask('status')).unshippedBytes > 0);
  here.isAway = false;
  t.is(await first.ask('checkpoint'), await second.ask('checkpoint'));
  while ((await second.ask('pressure')) >= 1) await setTimeout(5);
  t.true((await second.ask('heard')).some((event: string) => event.startsWith('checkpoint ')));

  here.isAway = true;
  const lost = [first, second].map((thread) =>
    refuses(t, 'COPPICE_FENCED', () => thread.ask('put', 'lost', 'x', { durability: 'remote' })),
  );
  const other = await open(`${here.folder}2`, { store: here.store, durability: 'remote' });
  await other.put('other', '1');
  here.isAway = false;
  await Promise.all(lost);
  for (const thread of [first, second]) {
    await refuses(t, 'COPPICE_FENCED', () => thread.ask('get', 'a'));
    t.true((await thread.ask('heard')).includes('COPPICE_FENCED'));
    await thread.ask('close');
  }
  t.is(await other.get('lost'), undefined);
  await other.close();
  const again = await here.thread(options);
  t.is(await again.ask('get', 'other'), '1');
  t.is(await again.ask('get', 'lost'), undefined);
  await again.ask('close');
});

test('a thread that takes the shipping over of a branch that was replaced is told so, and the folder begins anew', async (t) => {
  const here = await place(t);
  const [first, second] = [await here.thread(), await here.thread()];
  const revision = await first.ask('put', 'a', '1');
  await second.ask('put', 'a', '2');
  await resetBranch(here.store, 'main', { from: 'main', at: revision });
  await first.terminate();
  // Told as it was found out before the put was made, or after.
  const put = second.ask('put', 'lost', 'x').catch(({ code }) => code);
  t.true(['COPPICE_UNKNOWN_OUTCOME', 'COPPICE_FENCED'].includes((await put) as string));
  await refuses(t, 'COPPICE_FENCED', () => second.ask('get', 'a'));
  await second.ask('close').catch(() => {});
  const again = await here.thread();
  t.is(await again.ask('get', 'a'), '1');
  t.is(await again.ask('get', 'lost'), undefined);
  t.is(await again.ask('put', 'b', '3'), revision + 1);
  await again.ask('close');
  t.is((await branchesIn(fsStore(here.store)))[0]?.owner, null);
});

test('threads that open at once, and some that are terminated meanwhile, come to share one branch', async (t) => {
  t.timeout(600_000);
  const here = await place(t);
  for (let round = 0; round < 3; round++) {
    const threads = Array.from({ length: 4 }, () => new Thread(here.folder, here.store));
    here.threads.push(...threads);
    const opening = threads.map((thread) => thread.ask('open', {}));
    await setTimeout(20 * round);
    const [doomed, ...others] = threads as [Thread, ...Thread[]];
    await doomed.terminate();
    await Promise.all(opening.slice(1));
    const revisions = await Promise.all(others.map((thread, n) => thread.ask('put', `${round}.${n}`, 'x')));
    t.is(new Set(revisions).size, others.length);
    await Promise.all(others.map((thread) => thread.ask('close')));
    const stored = revisions.map((revision, n) => ({ key: `${round}.${n}`, revision }));
    await checkStored(t, here, stored);
  }
});
