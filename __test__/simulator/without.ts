/**
 * Takes out one safety rule after another and says how many seeds it takes until that is noticed, and by what:
 * `COPPICE_SEED=1 COPPICE_ROUNDS=3000 node --import=tsx without.ts [RULE]`. Prints a line `figures: {...}`; the exit code
 * is 1 if one is not noticed.
 *
 * @module
 */

import { MUTANTS, notices, withoutRule } from './mutants.js';

const first = Number(process.env.COPPICE_SEED ?? 1);
const rounds = Number(process.env.COPPICE_ROUNDS ?? 3000);
const [only] = process.argv.slice(2);
const mutants = MUTANTS.filter(({ rule }) => only === undefined || rule === only);
let noticed = 0;
for (const mutant of mutants) {
  const found = notices(await withoutRule(mutant), mutant.rule, first, rounds);
  if (found !== undefined) noticed += 1;
  const how = found === undefined ? 'NOT NOTICED' : (found.seeds ?? 'directed');
  console.log(`| ${mutant.rule} | ${mutant.without} | ${how} | ${found?.violation ?? ''} |`);
}
console.log(`figures: ${JSON.stringify({ 'rules taken out': mutants.length, 'of them noticed': noticed })}`);
process.exit(noticed === mutants.length ? 0 : 1);
