/**
 * `npm run bench`: measures Coppice beside the other embedded engines of the npm registry.
 *
 *     npm run bench                       a million keys, five rounds, then docs/benchmarks.md and its charts; from the
 *                                         second round on a row goes on with its two best peers
 *     npm run bench -- --quick            100,000 keys, two rounds, printed only
 *     npm run bench -- --only get-sync,scan --engines coppice,lmdb --rounds 3 --keys 200000
 *     npm run bench -- --fresh            forgets what an earlier, stopped run has measured
 *     npm run bench -- --report           writes the report of what is measured so far
 *
 * @module
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { engines } from './engines/index.js';
import { installPeers } from './install.js';
import { questions } from './questions/index.js';
import { publish } from './report/publish.js';
import { isContender, summarize } from './report/summary.js';
import { textTable } from './report/table.js';
import { ask, Ledger, Workspace } from './runs.js';

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    fresh: { type: 'boolean', default: false },
    report: { type: 'boolean', default: false },
    keys: { type: 'string' },
    rounds: { type: 'string' },
    only: { type: 'string' },
    engines: { type: 'string' },
  },
});

/** Rounds in which every engine runs. */
const ROUNDS_OF_ALL = 1;

const root = fileURLToPath(new URL('..', import.meta.url));
const cache = join(root, '.cache', 'bench');
const keys = Number(flags.keys ?? (flags.quick ? 100_000 : 1_000_000));
const rounds = Number(flags.rounds ?? (flags.quick ? 2 : 5));
const seconds = flags.quick ? 0.3 : 1;
const chosenQuestions = chosen(flags.only, Object.keys(questions), 'question');
const chosenEngines = chosen(
  flags.engines,
  engines.map(({ name }) => name),
  'engine',
);

mkdirSync(cache, { recursive: true });
const file = join(cache, `runs-${keys}${flags.quick ? '-quick' : ''}.jsonl`);
if (flags.fresh) rmSync(file, { force: true });
const ledger = new Ledger(file);
if (!flags.report) await measure();

const rows = summarize(ledger.outcomes);
console.log(textTable(rows));
if (!flags.quick && flags.keys === undefined) {
  publish(rows, ledger.outcomes, keys, join(root, 'docs'));
  console.log('written: docs/benchmarks.md');
}

async function measure(): Promise<void> {
  installPeers();
  const workspace = new Workspace(join(cache, 'work'));
  let done = 0;
  const all = rounds * chosenQuestions.length * chosenEngines.length;
  for (let round = 1; round <= rounds; round++) {
    for (const question of chosenQuestions) {
      for (const engine of rotated(chosenEngines, round)) {
        done++;
        if (ledger.has(engine, question, round) || !isWanted(engine, question, round)) continue;
        const { start, setting } = questions[question]!;
        const text = setting?.text === true;
        const persistent = engines.find(({ name }) => name === engine)!.persistent;
        const base = start === 'empty' || !persistent ? undefined : await workspace.base(engine, keys, text);
        const folder = workspace.folder(base, setting?.durability === 'disk');
        const answer = await ask({ engine, question, folder, text, keys, seconds });
        ledger.add({ engine, question, round, answer });
        const said = 'error' in answer ? answer.error : Number(answer.value.toPrecision(4)).toLocaleString('en');
        console.log(`[${done}/${all}] ${question} ${engine}: ${said}`);
      }
    }
  }
  workspace.clear();
}

/** Not again what an engine has no call for; and from the second round on only who can still be the best of its row. */
function isWanted(engine: string, question: string, round: number): boolean {
  if (ledger.refuses(engine, question)) return false;
  if (round <= ROUNDS_OF_ALL) return true;
  const ofAll = ledger.outcomes.filter((one) => one.round <= ROUNDS_OF_ALL);
  return isContender(ofAll, engine, question);
}

function chosen(list: string | undefined, known: readonly string[], what: string): readonly string[] {
  const names = list?.split(',') ?? known;
  const wrong = names.find((name) => !known.includes(name));
  if (wrong === undefined) return names;
  console.error(`there is no ${what} "${wrong}"; there are ${known.join(', ')}`);
  process.exit(2);
}

/** Each round begins with another engine, so that none always follows the same one. */
function rotated(list: readonly string[], by: number): readonly string[] {
  const from = by % list.length;
  return [...list.slice(from), ...list.slice(0, from)];
}
