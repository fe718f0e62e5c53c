/**
 * Rounds of two machines that write one branch in turn, on a real S3 server, each over a network that loses, delays, tears and
 * refuses: each round ends with a kill (SIGKILL), most of them aimed at an upload, a checkpoint, a collection or an open; then
 * the disk is kept, or wiped, or left alone while the other machine goes on. In some rounds the other machine takes the branch
 * while the first is alive, half of them while that one is cut off. After each round a copy of the branch is made and compared:
 * every commit that was acknowledged is there, in its place, once, and any other whole or not at all.
 *
 * `COPPICE_ROUNDS=20 COPPICE_SEED=1 node --import=tsx rounds.ts`; prints a line `figures: {...}`. Exits with 1 if anything is
 * not as it should be.
 *
 * @module
 */

import { strict as assert } from 'node:assert';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { open, restore, s3 } from '../../../ts/index.js';
import { branchesIn, verifyBranch } from '../../../ts/repository/index.js';
import { startProxy } from '../../support/proxy.js';
import { seedOfRun, splitMix32 } from '../../support/random.js';
import { bucketOn, server, startServer } from '../../support/s3-server.js';
import { type Errand, type Forecast, noHits, Weather } from '../../support/weather.js';
import { Ledger } from './ledger.js';
import { type Machine, Writer } from './machine.js';

const HOSTILE: Forecast = {
  cards: { lost: 3, torn: 2, unheard: 4, cut: 3, silence: 1, busy: 4, conflict: 2, late: 3 },
  latencyMsMax: 12,
  lateMsMax: 800,
};
/** What a kill is aimed at, in turn. */
const AIMS = ['slot', 'table', 'open', 'delete', 'manifest', 'slot', 'head', 'open', 'anything'] as const;
type Aim = (typeof AIMS)[number];
const INSIDE: Record<Exclude<Aim, 'anything'>, string> = {
  slot: 'killed inside an upload',
  table: 'killed inside a checkpoint',
  manifest: 'killed inside a checkpoint',
  head: 'killed inside a checkpoint',
  delete: 'killed inside a collection',
  open: 'killed inside an open',
};
const FATES = ['kept', 'wiped', 'moved'] as const;
/** What a writer says of itself, as a figure. */
const SAID: Record<string, string> = {
  flush: 'flushes',
  compaction: 'compactions',
  published: 'checkpoints',
  retry: 'opens refused, and made again',
};
const STAGES = ['begun', 'received', 'answered'] as const;
/** Requests of a round before it is aimed. */
const REQUESTS_MIN = 15;
const REQUESTS_MAX = 60;
/** So many that would have been met are let pass. */
const SKIPPED_MAX = 3;
/** An open on a kept disk is not over before so many requests, one on an empty disk not before more. */
const OPENING_REQUESTS = 4;
const PARTITION_MS_MIN = 500;
const PARTITION_MS_MAX = 2_500;
/** What a few rounds may do without. */
const RARE = [
  'puts that landed after their connection was cut',
  'puts that came too late to land',
  'requests never answered',
  ...FATES.map((fate) => `disks ${fate}`),
  'taken over from a machine that was cut off',
  'copies of the past',
];
const ROUNDS_FOR_ALL = 20;
/** A few rounds beside other tests are short ones. */
const SHORTER = 5;
/** A round that takes longer than this hangs, and says so. */
const ROUND_MS_MAX = 300_000;

const rounds = Number(process.env.COPPICE_ROUNDS ?? 20);
const seed = seedOfRun();
const shorter = rounds < ROUNDS_FOR_ALL ? SHORTER : 1;
const random = splitMix32(seed);
const history = random(2) === 0;
const ledger = new Ledger();
const hits = noHits();
const figures: Record<string, number> = { rounds: 0, 'acknowledged commits': 0, 'commits taken back': 0, kills: 0 };
let doing = 'nothing';

console.log(`seed ${seed}, ${server?.kind} ${server?.version}`);
process.once('SIGTERM', () => process.exit(1));
const running = await startServer();
process.on('exit', () => running.kill());
const { bucket, ...options } = await bucketOn(running.url);
const store = s3({ bucket, ...options });
const top = await mkdtemp(join(tmpdir(), 'coppice-store-'));
await (await open(join(top, 'first'), { store, history })).close();
const machines = [await machine('a'), await machine('b')] as const;
let [here, other]: [Machine, Machine] = [...machines];
let writers = 0;
/** Started before it is needed. */
let spare = prepare();

for (let n = 0; n < rounds; n++) {
  const late = setTimeout(() => {
    console.error(`round ${n} hangs while ${doing}, in ${top}`);
    process.exit(1);
  }, ROUND_MS_MAX);
  await playRound(n);
  clearTimeout(late);
}
spare.kill();
await spare.ended;
await checkAll();
await running.stop();
await rm(top, { recursive: true });
judge();
Object.assign(figures, hits, { 'acknowledged commits': ledger.acknowledged, 'commits taken back': ledger.takenBack });
console.log(`figures: ${JSON.stringify(figures)}`);
process.exit(0);

async function machine(name: string): Promise<Machine> {
  const weather = new Weather(await startProxy(running.url), splitMix32(random(2 ** 31)), hits);
  weather.forecast = HOSTILE;
  return { folder: join(top, name), weather };
}

function prepare(): Writer {
  return new Writer(ledger, (word) => word in SAID && count(SAID[word] as string));
}

async function playRound(n: number): Promise<void> {
  const aim = AIMS[n % AIMS.length] as Aim;
  const began = ledger.acknowledged;
  let writer = begin(here);
  if (aim === 'open') {
    aimAt(here, writer, aim);
  } else {
    doing = 'the writer opens';
    await writer.opened();
    doing = 'the writer writes';
    await write(n);
    if (n % 3 === 1) writer = await overtake(writer);
    aimAt(here, writer, aim);
  }
  doing = `a kill is aimed at ${aim}`;
  await writer.ended;
  // Each fate comes with each aim, and none is left out.
  await end(FATES[(n + Math.floor(n / AIMS.length) + seed) % FATES.length] as (typeof FATES)[number]);
  doing = 'a copy is made';
  const there = await check(n % 3 === seed % 3);
  figures.rounds = n + 1;
  console.log(`round ${n} (${aim}): ${ledger.acknowledged - began} acknowledged, ${there} there`);
}

/** Has the writer that waits begin on a machine, and starts the next one. */
function begin({ folder, weather }: Machine): Writer {
  const writer = spare;
  spare = prepare();
  weather.isDead = false;
  writers += 1;
  writer.begin({ name: `w${writers}`, endpoint: weather.url, bucket, folder, history, seed: random(2 ** 31) });
  return writer;
}

async function write(n: number): Promise<void> {
  const requests = REQUESTS_MIN + random(Math.ceil((REQUESTS_MAX - REQUESTS_MIN) / shorter));
  await here.weather.requests(requests);
  if (n % 2 === 1) return;
  here.weather.part(random(2) === 0 ? 'cut' : 'silence');
  await Promise.all([
    delay(PARTITION_MS_MIN + random((PARTITION_MS_MAX - PARTITION_MS_MIN) / shorter)),
    here.weather.requests(1),
  ]);
  here.weather.heal();
  await here.weather.requests(REQUESTS_MIN);
}

/** The other machine takes the branch; resolves when the one before has found out, and has ended. */
async function overtake(older: Writer): Promise<Writer> {
  doing = 'the branch is taken';
  const isCutOff = (figures['taken over'] ?? 0) % 2 === seed % 2;
  if (isCutOff) here.weather.part(random(2) === 0 ? 'cut' : 'silence');
  [here, other] = [other, here];
  const newer = begin(here);
  await newer.opened();
  other.weather.heal();
  doing = 'the older one finds out';
  await older.fenced;
  await older.ended;
  other.weather.isDead = true;
  const found = newer.found as number;
  assert(older.told <= found, `the older was told of ${older.told} commits, the newer found ${found}`);
  count('taken over');
  if (isCutOff) count('taken over from a machine that was cut off');
  await here.weather.requests(REQUESTS_MIN);
  return newer;
}

/** Kills the writer at the next request of that kind, at a random stage of it; for an open, at one of the first. */
function aimAt({ weather }: Machine, writer: Writer, aim: Aim): void {
  const stage = STAGES[random(STAGES.length)];
  let skip = random(aim === 'open' ? OPENING_REQUESTS : Math.ceil(SKIPPED_MAX / shorter));
  weather.onStage = (at: string, errand: Errand) => {
    if (at !== stage && aim !== 'open') return;
    if (at !== 'begun' && aim === 'open') return;
    if (aim !== 'open' && aim !== 'anything' && errand !== aim) return;
    if (skip-- > 0) return;
    weather.onStage = () => {};
    weather.isDead = true;
    writer.kill();
    count('kills');
    if (aim !== 'anything' && (aim !== 'open' || writer.found === undefined)) count(INSIDE[aim]);
  };
}

async function end(fate: (typeof FATES)[number]): Promise<void> {
  count(`disks ${fate}`);
  if (fate === 'wiped') await rm(here.folder, { recursive: true, force: true });
  if (fate === 'moved') [here, other] = [other, here];
}

/** Copies the branch as it is, and now and then as it was. */
async function check(isPastToo: boolean): Promise<number> {
  const told = ledger.told;
  const there = await checkCopy(undefined, told);
  ledger.has(there);
  if (!isPastToo) return there;
  const [info] = await branchesIn(store);
  const oldest = info?.oldestRevision ?? 1;
  const revision = oldest + random(there + 2 - oldest);
  assert.equal(await checkCopy(revision, revision - 1), revision - 1);
  count('copies of the past');
  return there;
}

async function checkCopy(revision: number | undefined, atLeast: number): Promise<number> {
  const to = join(top, 'copy');
  await restore(store, { to, ...(revision !== undefined && { revision }) });
  const db = await open(to, { history });
  const there = await ledger.check(db, atLeast);
  await db.close();
  await rm(to, { recursive: true });
  count('copies compared');
  return there;
}

/** In the end every put has arrived, or never will. */
async function checkAll(): Promise<void> {
  doing = 'all is checked in the end';
  for (const { weather } of machines) await weather.close();
  const db = await open(join(top, 'last'), { store, durability: 'remote', history });
  const there = await ledger.check(db, ledger.told);
  ledger.has(there);
  assert.deepEqual((await db.verify()).problems, []);
  await db.checkpoint();
  await db.close();
  assert.deepEqual((await verifyBranch(store, 'main', true)).problems, []);
  figures['commits in the branch'] = there;
}

/** A run that has met too little of something has shown nothing of it. */
function judge(): void {
  const met: Record<string, number> = { ...figures, ...hits };
  const always = [...Object.keys(hits).filter((kind) => !RARE.includes(kind)), ...Object.values(INSIDE), 'taken over'];
  const kinds = shorter > 1 ? always : [...always, ...RARE];
  const few = kinds.filter((kind) => (met[kind] ?? 0) < Math.max(1, rounds / 10));
  assert.deepEqual(few, [], `too few of these: ${JSON.stringify(met)}`);
}

function count(what: string): void {
  figures[what] = (figures[what] ?? 0) + 1;
}
