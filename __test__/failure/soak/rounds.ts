/**
 * Hours of a repository in minutes: a database with history and its branches, branches of those, and a replica, on a real S3
 * server or in a folder. They are written, trimmed, compacted, checkpointed, closed and opened, lose their disks, are taken over, compared,
 * merged, dropped and made again under the same names, over a bounded space of keys. Whatever is compared is compared with a model. It
 * must stop growing: see `samples.ts`. Each season ends with a harvest: every branch is verified and goes, and whatever is in the
 * store then is explained.
 *
 * `COPPICE_MINUTES=20` or `COPPICE_ROUNDS=8`, `COPPICE_STORE=folder`, `COPPICE_SEED=1`: `node --expose-gc --import=tsx rounds.ts`; prints a line
 * a sample, and in the end a line `figures: {...}`. Exits with 1 if anything is not as it should be. Memory is to be judged with one arena.
 *
 * @module
 */

import { strict as assert } from 'node:assert';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createBranch,
  type Database,
  dropBranch,
  fsStore,
  listBranches,
  type ObjectStore,
  open,
  s3,
} from '../../../ts/index.js';
import { verifyBranch } from '../../../ts/repository/index.js';
import { seedOfRun, splitMix32 } from '../../support/random.js';
import { bucketOn, startServer } from '../../support/s3-server.js';
import { look, noFences } from './leftovers.js';
import { check } from './model.js';
import { growing, lineOf, type Taken, take } from './samples.js';
import { type Place, Subject } from './subject.js';

const NAMES = ['one', 'two', 'three', 'four'] as const;
/** So many rounds, then all branches are verified and go, and what is left is looked at. */
const SEASON = 16;
/** A round that takes longer than this hangs, and says so. */
const ROUND_MS_MAX = 120_000;
const BUSY = ['COPPICE_BUSY', 'COPPICE_COMPACTED'];

const seed = seedOfRun();
const random = splitMix32(seed);
const roundsMax = Number(process.env.COPPICE_ROUNDS ?? Number.POSITIVE_INFINITY);
const minutesMax = Number(process.env.COPPICE_MINUTES ?? (Number.isFinite(roundsMax) ? Number.POSITIVE_INFINITY : 20));
const figures: Record<string, number> = { rounds: 0 };
const samples: Taken[] = [];
const top = await mkdtemp(join(tmpdir(), 'coppice-soak-'));
const server = process.env.COPPICE_STORE === 'folder' ? undefined : await startServer();
process.on('exit', () => server?.kill());
const store: ObjectStore = server === undefined ? fsStore(join(top, 'store')) : s3(await bucketOn(server.url));
console.log(`seed ${seed}, ${server === undefined ? 'a folder' : 'an S3 server'}`);

const place: Place = { store, top: join(top, 'disks'), random, count };
const main = await Subject.first(place);
const branches = new Map<string, Subject>();
let replica = await openReplica();
const beganMs = performance.now();

while ((figures.rounds ?? 0) < roundsMax && performance.now() - beganMs < minutesMax * 60_000) {
  const n = count('rounds');
  await inTime(`round ${n}`, playRound);
  if (n % SEASON !== 0 && n !== roundsMax) continue;
  await inTime('a harvest', harvest);
  samples.push(await take(store, place.top));
  console.log(`round ${n}: ${lineOf(samples.at(-1) as Taken)}`);
}
await inTime('the end', finish);
const grown = growing(samples);
assert.deepEqual(grown, [], 'it goes on growing');
await server?.stop();
await rm(top, { recursive: true });
console.log(`figures: ${JSON.stringify({ ...figures, samples: samples.length, ...samples.at(-1) })}`);
process.exit(0);

async function inTime(what: string, play: () => Promise<void>): Promise<void> {
  const late = setTimeout(() => {
    console.error(`${what} hangs, in ${top}`);
    process.exit(1);
  }, ROUND_MS_MAX);
  await play();
  clearTimeout(late);
}

async function playRound(): Promise<void> {
  await main.write();
  if (random(2) === 0) await main.keep();
  for (const name of NAMES) await step(name);
  if (random(4) === 0) await follow();
}

/** Something happens to a branch of that name, or one is made. */
async function step(name: string): Promise<void> {
  const branch = branches.get(name);
  if (branch === undefined) return fork(name);
  const { parent } = branch;
  const kind = random(12);
  if (kind === 0) {
    branches.delete(name);
    await branch.drop();
  } else if (!branch.isOpen) {
    await branch.open();
    await branch.check();
  } else if (kind === 1) await branch.close();
  else if (kind === 2 && parent?.isOpen) await parent.merge(branch);
  else if (kind === 3) await main.diff(branch);
  else if (kind < 8) await branch.write();
  else await branch.keep();
}

async function fork(name: string): Promise<void> {
  const all = [...branches.values()];
  const parent = random(2) === 0 ? main : (all[random(all.length)] ?? main);
  const branch = await parent.fork(name, () => all.some((other) => isFrom(other, name)));
  if (branch !== undefined) branches.set(name, branch);
}

/** Whether a branch has grown through another one that had that name and was dropped. */
function isFrom({ parent }: Subject, name: string): boolean {
  return parent !== undefined && ((parent.name === name && parent.isDropped) || isFrom(parent, name));
}

function openReplica(): Promise<Database<string, string>> {
  return open(join(top, 'disks', 'replica'), { store, readOnly: true, pollMs: 100, memoryBytes: 16 << 20 });
}

async function reopenReplica(losesDisk: boolean): Promise<void> {
  await replica.close();
  if (losesDisk) await rm(join(top, 'disks', 'replica'), { recursive: true });
  replica = await openReplica();
  count('replicas opened');
}

async function follow(): Promise<void> {
  if (random(3) === 0) await reopenReplica(random(2) === 0);
  await main.settle();
  await replica.waitFor(main.db.revision, 'remote');
  for (;;) {
    try {
      await check(replica, main.state, 'the replica');
      return void count('replicas compared');
    } catch (error) {
      if (!BUSY.includes((error as { code?: string }).code ?? '')) throw error;
    }
  }
}

/** Everything is verified, then all goes but the first branch, and whatever is in the store then is explained. */
async function harvest(): Promise<void> {
  for (const branch of branches.values()) {
    if (!branch.isOpen) await branch.open();
    await branch.loseDisk();
    await branch.check();
  }
  for (const { name, db } of [main, ...branches.values()]) {
    assert.deepEqual((await db.verify()).problems, [], name);
    assert.deepEqual((await verifyBranch(store, name, true)).problems, [], name);
    assert.deepEqual(await readdir(join(db.path, '.repository/copies')).catch(() => []), []);
    count('branches verified');
  }
  for (const branch of branches.values()) await branch.drop();
  branches.clear();
  // Nobody has grown from any of them any more: each name is free.
  for (const name of NAMES) {
    await createBranch(store, name);
    await dropBranch(store, name);
  }
  await main.write();
  await main.age();
  await reopenReplica(true);
  await follow();
  assert.deepEqual(
    (await listBranches(store)).map(({ name }) => name),
    ['main'],
  );
  const { loose, fences } = await look(store);
  assert.deepEqual(loose, [], 'objects that nobody needs');
  assert.deepEqual(await noFences(store, fences), [], 'slots that nobody needs');
}

async function finish(): Promise<void> {
  await replica.close();
  await main.loseDisk();
  await main.check();
  await main.close();
  assert.deepEqual((await verifyBranch(store, 'main', true)).problems, []);
}

function count(what: string, by = 1): number {
  figures[what] = (figures[what] ?? 0) + by;
  return figures[what];
}
