import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import * as protocol from '../../ts/repository/protocol/index.js';
import { splitMix32 } from '../support/random.js';
import { addCounters, MANY, noCounters } from './counters.js';
import { MUTANTS, notices, withoutRule } from './mutants.js';
import type { Protocol } from './node.js';
import { planOf } from './plan.js';
import { SCHEDULES } from './schedules.js';
import { simulate } from './world.js';

/** The same ones each time: fresh ones are for the proof. `COPPICE_SEED=7 SEEDS=1 npm test` plays one again. */
const first = Number(process.env.COPPICE_SEED ?? 1);
const seeds = Number(process.env.SEEDS ?? 500);

test('500 runs against a hostile store lose nothing, double nothing, show nothing fenced, and end well', (t) => {
  t.timeout(600_000);
  const total = noCounters();
  for (let seed = first; seed < first + seeds; seed++) {
    try {
      addCounters(total, simulate(protocol, seed));
    } catch (error) {
      t.fail(`COPPICE_SEED=${seed}: ${(error as Error).message}`);
    }
  }
  t.log(JSON.stringify(total));
  t.true(total.steps >= 1000 * seeds);
  for (const name of MANY) t.true(total[name] > 0, `no ${name}`);
});

test('nor do runs of branches that began with a database that was there before', (t) => {
  const total = noCounters();
  const runs = Math.ceil(seeds / 10);
  for (let seed = first; seed < first + runs; seed++) {
    const random = splitMix32(seed);
    const plan = { ...planOf(random), before: 1 + random(8) };
    try {
      addCounters(total, simulate(protocol, seed, undefined, plan));
    } catch (error) {
      t.fail(`COPPICE_SEED=${seed}: ${(error as Error).message}`);
    }
  }
  t.log(JSON.stringify(total));
  for (const name of MANY) t.true(total[name] > 0, `no ${name}`);
});

for (const [name, schedule] of Object.entries(SCHEDULES)) {
  test(`what is rare is harmless: ${name}`, (t) => {
    t.notThrows(() => schedule(protocol));
  });
}

for (const mutant of MUTANTS) {
  test(`it is noticed when ${mutant.without}`, async (t) => {
    t.timeout(600_000);
    const found = notices(await withoutRule(mutant), mutant.rule, 1, 500);
    t.truthy(found, `${mutant.rule} could be left out`);
    t.log(`${found?.seeds ?? 0} seeds: ${found?.violation}`);
  });
}

test('every rule that the code marks has been taken out, and no other', (t) => {
  const folder = fileURLToPath(new URL('../../ts/repository/protocol', import.meta.url));
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  const text = files.map((name) => readFileSync(`${folder}/${name}`, 'utf8'));
  const marked = new Set([...text.join('\n').matchAll(/Rule ([a-z-]+):/g)].map(([, rule]) => rule as string));
  t.deepEqual([...marked].sort(), [...new Set(MUTANTS.map(({ rule }) => rule))].sort());
});

test('one seed is one run', (t) => {
  const traces = [1, 2].map(() => {
    const lines: string[] = [];
    simulate(protocol, 42, (line) => lines.push(line));
    return lines;
  });
  t.true((traces[0] as string[]).length > 500);
  t.deepEqual(traces[0], traces[1]);
});

test('a step leaves the state that it is given as it was', (t) => {
  const frozen: Protocol = {
    ...protocol,
    start: (...given) => freeze(protocol.start(...given)),
    step: (...given) => freeze(protocol.step(...given)),
  };
  t.notThrows(() => [11, 12, 13].map((seed) => simulate(frozen, seed)));
});

function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  Object.values(value).forEach(freeze);
  return value;
}
