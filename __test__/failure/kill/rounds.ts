/**
 * Rounds of a writer that is killed (SIGKILL), most of them in the middle of a flush, a compaction or a change of log
 * segments, in one folder, so that recovery meets what an earlier recovery left. After each kill the database must hold
 * exactly the operations up to one of them, all that were acknowledged included: nothing lost, nothing torn, no gap.
 *
 * Durability `disk` is put to the same test as `process`, and proves no more by it: what a kill leaves is the operating
 * system's memory, whole. That a loss of power is survived is shown on the simulated disk (`npm run prove -- crash`).
 *
 * `COPPICE_ROUNDS=20 COPPICE_SEED=1 node --import=tsx rounds.ts`; prints a line `figures: {...}`. Exits with 1 if
 * anything is not as it should be, and then leaves the folder.
 *
 * @module
 */

import { strict as assert } from 'node:assert';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { open } from '../../../ts/index.js';
import { eachLine } from '../../support/lines.js';
import { seedOfRun } from '../../support/random.js';
import { apply, operation } from './operations.js';

/** A round writes for a random time between these two, then goes on until what it aims at begins. */
const WRITING_MS_MIN = 200;
const WRITING_MS_MAX = 900;
const AIMING_MS_MAX = 5_000;
const INSIDE_MS_MAX = 4;
/** A round that takes longer than this hangs, and says so. */
const ROUND_MS_MAX = 120_000;
/** Rounds between two that close the database in between instead of only reading it. */
const ROUNDS_BETWEEN_CLOSES = 4;
/** What the rounds aim at in turn. */
const AIMS = ['flush', 'compaction', 'segment', 'flush', 'compaction', 'segment', 'nothing'] as const;
type Aim = (typeof AIMS)[number];

/** What is known of a round after the kill. */
interface Round {
  opened: number;
  /** Operations before this one were acknowledged. */
  acknowledged: number;
  /** What had begun and not ended. */
  inside: string[];
  writingMs: number;
}

const rounds = Number(process.env.COPPICE_ROUNDS ?? 20);
const seed = seedOfRun();
/** Less is no proof: the writer was not busy. */
const putsPerSecondMin = Number(process.env.COPPICE_PUTS_PER_SECOND_MIN ?? 20_000);
const writer = fileURLToPath(new URL('writer.ts', import.meta.url));
const model = new Map<string, string>();
const figures = { rounds: 0, commits: 0, puts: 0, 'seconds of writing': 0, 'keys compared': 0, 'torn tails': 0 };
const killed: Record<string, number> = { inside: 0, flush: 0, compaction: 0, segment: 0 };
/** Operations that the database holds, and its revision. */
let held = 0;
let revision = 1;
let doing = 'nothing';

console.log(`seed ${seed}`);
const folder = await mkdtemp(join(tmpdir(), 'coppice-kill-'));
for (let n = 0; n < rounds; n++) {
  const late = setTimeout(() => {
    console.error(`round ${n} hangs while ${doing}, in ${folder}`);
    process.exit(1);
  }, ROUND_MS_MAX);
  await playRound(n);
  clearTimeout(late);
}
await rm(folder, { recursive: true });
const rate = figures.puts / figures['seconds of writing'];
console.log(`${Math.round(rate)} puts a second; ${killed.inside} of ${rounds} kills inside`);
assert(rate >= putsPerSecondMin, `only ${Math.round(rate)} puts a second`);
// A few rounds beside other work may meet less of it than the proof, which asks for half.
const insideMin = rounds >= 100 ? rounds / 2 : rounds / 5;
assert((killed.inside as number) >= insideMin, `only ${killed.inside} of ${rounds} kills were inside`);
const { inside, ...each } = killed;
const kills = Object.fromEntries(Object.entries(each).map(([work, count]) => [`killed in a ${work}`, count]));
console.log(`figures: ${JSON.stringify({ ...figures, 'killed inside': inside, ...kills })}`);

async function playRound(n: number): Promise<void> {
  const durability = n % 2 === 0 ? 'process' : 'disk';
  doing = 'the writer writes';
  const round = await writeAndKill(AIMS[n % AIMS.length] as Aim, durability);
  assert.equal(round.opened, revision, 'the writer opened another state than the one that was read before');
  const before = held;
  await check(round, n % ROUNDS_BETWEEN_CLOSES === 0);
  figures.rounds++;
  figures.commits += round.acknowledged - before;
  figures['seconds of writing'] += round.writingMs / 1_000;
  if (round.inside.length > 0) killed.inside = (killed.inside as number) + 1;
  for (const work of new Set(round.inside)) killed[work] = (killed[work] as number) + 1;
  console.log(
    `round ${n} (${durability}): ${round.acknowledged - before} acknowledged, ${held - before} there; killed in ${round.inside.join(', ') || 'nothing'}`,
  );
}

/** Starts a writer, kills it, and answers what it had said until then. */
async function writeAndKill(aim: Aim, durability: string): Promise<Round> {
  const parameters = ['--import=tsx', writer, join(folder, 'db'), String(seed), String(held), durability];
  const child = spawn(process.execPath, parameters, { stdio: ['ignore', 'pipe', 'inherit'] });
  const round: Round = { opened: 0, acknowledged: held, inside: [], writingMs: 0 };
  let began = 0;
  let last = 0;
  let aiming = false;
  eachLine(child.stdout, ([word, what]) => {
    if (word === 'open') {
      round.opened = Number(what);
      began = performance.now();
      killLater(child, aim).then(() => {
        aiming = true;
      });
    } else if (word === 'acknowledged') {
      round.acknowledged = Number(what);
      last = performance.now();
    } else if (word === 'begin') {
      round.inside.push(what as string);
      if (aiming && what === aim) setTimeout(() => child.kill('SIGKILL'), random(INSIDE_MS_MAX));
    } else {
      round.inside.splice(round.inside.indexOf(what as string), 1);
    }
  });
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) => {
    child.on('close', (...ended) => resolve(ended));
  });
  assert.deepEqual({ code, signal }, { code: null, signal: 'SIGKILL' }, 'the writer ended by itself');
  round.writingMs = Math.max(0, last - began);
  return round;
}

/** Resolves when it is time to aim. Kills in any case some time later. */
async function killLater(child: ChildProcess, aim: Aim): Promise<void> {
  await delay(WRITING_MS_MIN + random(WRITING_MS_MAX - WRITING_MS_MIN));
  if (aim === 'nothing') child.kill('SIGKILL');
  else setTimeout(() => child.kill('SIGKILL'), AIMING_MS_MAX).unref();
}

/** Opens what the kill left, and compares it with the operations up to one of them. */
async function check(round: Round, closes: boolean): Promise<void> {
  doing = 'it is opened';
  const db = await open(join(folder, 'db'), { readOnly: !closes });
  doing = 'it is read';
  db.on('recovered', ({ tornBytes }) => {
    if (tornBytes > 0) figures['torn tails']++;
  });
  const there = db.revision - revision;
  assert(held + there >= round.acknowledged, `${round.acknowledged - held} acknowledged, only ${there} there`);
  for (let i = held; i < held + there; i++) {
    const ops = operation(seed, i);
    apply(model, ops);
    if (i < round.acknowledged) figures.puts += ops.filter((op) => op.type === 'put').length;
  }
  held += there;
  revision = db.revision;
  const found = await db.entries().toArray();
  const wanted = [...model].sort(([a], [b]) => (a < b ? -1 : 1));
  assert.equal(found.length, wanted.length, 'keys are missing, or there are too many');
  for (const [at, [key, value]] of wanted.entries()) {
    const [foundKey, foundValue] = found[at] as [string, string];
    if (foundKey !== key || foundValue !== value) assert.deepEqual(found[at], [key, value]);
  }
  figures['keys compared'] += wanted.length;
  doing = 'it is verified';
  const { problems } = await db.verify();
  doing = 'it is closed';
  assert.deepEqual(problems, []);
  await db.close();
}

function random(below: number): number {
  return Math.floor(Math.random() * below);
}
